import t from 'tap'
import { isWholePassword, readForeignHash } from '../../src/passwords/foreign.js'

const hex = (text: string) => Buffer.from(text, 'hex').toString('base64').replaceAll('=', '')
const text = (value: string) => Buffer.from(value).toString('base64').replaceAll('=', '')

/**
 * Made by other programs: the vectors of Openwall's crypt_blowfish, of passlib, and of the
 * RFCs; Python's hashlib for those of systems that store them in another form.
 */
const known: Array<[source: string, password: string, hash: string]> = [
  ['crypt_blowfish', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['crypt_blowfish, 2b', 'U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['crypt_blowfish, 2y', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['PHP', 'rasmuslerdorf', '$2a$07$usesomesillystringfore2uDLvp1Ii2e./U9C8sBjqp8I90dH6hi'],
  [
    'passlib scrypt',
    'password',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
  ],
  [
    'RFC 7914 §12',
    'pleaseletmein',
    `$scrypt$ln=14,r=8,p=1$${text('SodiumChloride')}$${hex('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887')}`,
  ],
  [
    'RFC 7914 §12, no salt',
    '',
    `$scrypt$ln=4,r=1,p=1$$${hex('77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906')}`,
  ],
  [
    'passlib 1.7 pbkdf2-sha256',
    'password',
    '$pbkdf2-sha256$6400$MDEyMzQ1Njc4OWFiY2RlZg$GAgw.j2X2FQf6rCn19KJonkGfQQsVMJDdhR2EPZ/a9I',
  ],
  [
    'passlib 1.7 pbkdf2-sha512',
    'password',
    '$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./w$7JpjqKnxCfKupr7RXyhBzOyaiDby3r66zVaV0PpzTHeAv/Rhegfu5r6FVr4bD7pDGkeRerZdnt6Zcqjq6quNSw',
  ],
  [
    'passlib 1.7 pbkdf2-sha1',
    'password',
    '$pbkdf2$1000$8PHy8/T19vf4.fr7/P3./w$VLOwsbLMiNYZ2idBLbNFFCCq5.w',
  ],
  [
    'passlib 1.7 scrypt',
    'password',
    '$scrypt$ln=10,r=8,p=1$8PHy8/T19vf4+fr7/P3+/w$em97/+bfIyakbn0sdd283iJpatCUtZpxL4h5d8jEtnY',
  ],
  [
    'RFC 7914 §11',
    'passwd',
    `$pbkdf2-sha256$i=1,l=64$${text('salt')}$${hex('55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783')}`,
  ],
  [
    'RFC 6070',
    'password',
    `$pbkdf2$i=4096$${text('salt')}$${hex('4b007901b765489abead49d926f721d065a429c1')}`,
  ],
  [
    'Keycloak 25, PBKDF2-SHA512',
    'brass-lantern',
    '$pbkdf2-sha512$i=1000$AAECAwQFBgcICQoLDA0ODw==$3LESL/uASG3Whaiw03ml/lwSqFteOT481ZZ6ccdak+rD19mfT1wQAKhbzmSi8UZ5e0Dz9Uvfn7cvQY0DrRmNyQ==',
  ],
  [
    'Keycloak, PBKDF2-SHA256 of 64 bytes',
    'brass-lantern',
    '$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw==$11DykZS+ypwIjrEcHPY3hr0nE1U6ki7dbDqsszPE+vj2uPb+ur8v44z6toNAf2jK1T/xyTDqcSC9dDyPj/JWww==',
  ],
  [
    'Werkzeug, PBKDF2',
    'brass-lantern',
    '$pbkdf2-sha256$i=1000$YUJjRGVGZ0g=$gBMJWL+y3cSjotENjIl6ztC/6r8LO9jhdRTdHvsM7jk=',
  ],
  [
    'Werkzeug, scrypt',
    'brass-lantern',
    '$scrypt$ln=15,r=8,p=1$YUJjRGVGZ0hpSmtMbU5vUA==$1YCnWS8PatQkgRBGJXAx0fGVSMHFj9yyb8+2JM/iF+SHYiyy4AiBbF+d4d7IUp73yjyOXvGOU9MDEoVdgtpQgg==',
  ],
  [
    'better-auth',
    'brass-lantern',
    '$scrypt$ln=14,r=16,p=1$MDAwMTAyMDMwNDA1MDYwNzA4MDkwYTBiMGMwZDBlMGY=$T5cOuJIAeMLD6oGimJ1XWAPpdU8DsrsOMQiHUTRkaocJDBU7gFtoQO3owUQM8SD7esCkWHlmuoSmXgzF8KZ3bQ==',
  ],
  [
    'Django',
    'brass-lantern',
    '$pbkdf2-sha256$i=1000$c2FsdHNhbHRzYWx0$ektuuNh1mRaukHKwNDi+tTmz9onq6Z1xRLWcR3xPxJA=',
  ],
  [
    'libxcrypt, 71 bytes',
    'x'.repeat(71),
    '$2b$04$CCCCCCCCCCCCCCCCCCCCC.mwrsLq6gtszNEQrpvY85c8XKy5rgdwW',
  ],
  [
    'RFC 6070, named',
    'password',
    `$pbkdf2-sha1$i=2,l=20$${text('salt')}$${hex('ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957')}`,
  ],
]

t.test('hashes made by other programs', async (t) => {
  for (const [source, password, hash] of known) {
    const compare = readForeignHash(hash)
    t.equal(await compare?.(password), true, source)
    for (const wrong of [
      `${password}x`,
      password.toUpperCase() === password ? 'other' : password.toUpperCase(),
      ` ${password}`,
    ])
      t.equal(await compare?.(wrong), false, `${source}: ${wrong}`)
  }
})

t.test('what is no such hash, is damaged, or would cost too much', async (t) => {
  const bcrypt = 'CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
  const [salt, tag] = ['aM15713r3Xsvxbi31lqr1Q', 'nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E']
  const rows = [
    '',
    'password',
    '$',
    'undefined',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    '$1$salt$hash',
    `$argon2id$v=19$m=65536,t=2,p=1$${salt}$${tag}`,
    `$2$05$${bcrypt}`,
    `$2x$05$${bcrypt}`,
    `$2b$5$${bcrypt}`,
    `$2b$03$${bcrypt}`,
    `$2b$17$${bcrypt}`,
    `$2b$31$${bcrypt}`,
    `$2b$99$${bcrypt}`,
    `$2b$05$${bcrypt.slice(1)}`,
    `$2b$05$${bcrypt}x`,
    ` $2b$05$${bcrypt}`,
    `$2b$05$${bcrypt}\n`,
    `$scrypt$ln=0,r=8,p=1$${salt}$${tag}`,
    `$scrypt$ln=16,r=0,p=1$${salt}$${tag}`,
    `$scrypt$ln=16,r=8,p=0$${salt}$${tag}`,
    `$scrypt$ln=16,r=8,p=17$${salt}$${tag}`,
    `$scrypt$ln=20,r=8,p=1$${salt}$${tag}`,
    `$scrypt$ln=99,r=8,p=1$${salt}$${tag}`,
    `$scrypt$ln=16,r=99,p=1$${salt}$${tag}`,
    `$scrypt$ln=18,r=8,p=3$${salt}$${tag}`,
    `$scrypt$ln=18,r=8,p=16$${salt}$${tag}`,
    `$scrypt$ln=15,r=8,p=17$${salt}$${tag}`,
    `$scrypt$ln=17,r=9,p=4$${salt}$${tag}`,
    `$scrypt$r=8,ln=16,p=1$${salt}$${tag}`,
    `$scrypt$ln=16,r=8,p=1$${salt}$`,
    `$scrypt$ln=16,r=8,p=1$${salt}`,
    `$scrypt$ln=16,r=8,p=1$${salt}$${tag}==`,
    `$scrypt$ln=16,r=8,p=1$${salt}=$${tag}`,
    `$scrypt$ln=16,r=8,p=1$${salt}===$${tag}`,
    `$pbkdf2-sha256$i=1$${salt}$${tag}==`,
    `$pbkdf2-sha256$i=1$${salt}=$${tag}`,
    `$pbkdf2-sha256$i=1$=$${tag}`,
    `$scrypt$ln=-1,r=8,p=1$${salt}$${tag}`,
    `$pbkdf2-sha256$i=0$${salt}$${tag}`,
    `$pbkdf2-sha256$i=5000001$${salt}$${tag}`,
    `$pbkdf2-sha256$i=2500001$${salt}$${tag}${tag}`,
    `$pbkdf2$i=2500001$${salt}$${tag}`,
    `$pbkdf2-sha256$i=999999999$${salt}$${tag}`,
    `$pbkdf2-md5$i=1000$${salt}$${tag}`,
    `$pbkdf2-sha256$1000$${salt}$short`,
    `$pbkdf2-sha256$${salt}$${tag}`,
    `pbkdf2_sha256$1000$${salt}$${tag}`,
  ]
  for (const hash of rows) t.equal(readForeignHash(hash), null, hash)
})

t.test('the dearest hash that is read', async (t) => {
  const [salt, tag] = ['aM15713r3Xsvxbi31lqr1Q', 'nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E']
  for (const hash of [
    `$scrypt$ln=18,r=8,p=2$${salt}$${tag}`,
    `$scrypt$ln=15,r=8,p=16$${salt}$${tag}`,
    `$scrypt$ln=11,r=8,p=16$${salt}$${tag}`,
    `$scrypt$ln=1,r=99,p=16$${salt}$${tag}`,
  ])
    t.equal(await readForeignHash(hash)?.('password'), false, 'memory enough is asked for')
})

t.test('bcrypt takes any tail after 72 bytes, as it did there', async (t) => {
  // Made by libxcrypt.
  const rows: Array<[hash: string, right: string[], wrong: string[]]> = [
    [
      '$2b$04$CCCCCCCCCCCCCCCCCCCCC.E3nmopMcczclIgtTiSecbM4I0VzDc7e',
      ['\u9577'.repeat(24), `${'\u9577'.repeat(24)}-tail`, '\u9577'.repeat(99)],
      ['\u9577'.repeat(23)],
    ],
    [
      '$2y$04$CCCCCCCCCCCCCCCCCCCCC.ug0A3dTXhy5U.dFjx/qguZ8I4CB77BC',
      ['x'.repeat(72), 'x'.repeat(90), `${'x'.repeat(72)}y`],
      ['x'.repeat(71), `${'x'.repeat(71)}y`],
    ],
  ]
  for (const [hash, right, wrong] of rows) {
    for (const password of right) t.equal(await readForeignHash(hash)?.(password), true)
    for (const password of wrong) t.equal(await readForeignHash(hash)?.(password), false)
  }
})

t.test('which texts that match must be the whole password', async (t) => {
  const [bcrypt = '', scrypt = '', pbkdf2 = ''] = [
    'crypt_blowfish, 2b',
    'passlib scrypt',
    'RFC 6070',
  ].map((name) => known.find(([source]) => source === name)?.[2])
  const argon2 =
    '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
  const rows: Array<[hash: string, text: string, isWhole: boolean]> = [
    [bcrypt, 'x'.repeat(71), true],
    [bcrypt, 'x'.repeat(72), false],
    [bcrypt, '\u9577'.repeat(23), true],
    [bcrypt, '\u9577'.repeat(24), false],
    [bcrypt, '\u{1f600}'.repeat(18), false],
    [bcrypt, 'U*U\0U*U', false],
    [scrypt, 'x'.repeat(256), true],
    [scrypt, 'password\0', false],
    [pbkdf2, 'x'.repeat(256), true],
    [pbkdf2, 'password\0', false],
    [argon2, 'x'.repeat(256), true],
    [argon2, 'password\0', true],
  ]
  for (const [hash, text, isWhole] of rows)
    t.equal(isWholePassword(hash, text), isWhole, `${hash.slice(0, 12)} ${text.slice(0, 12)}`)
  t.equal(await readForeignHash(pbkdf2)?.('password\0'), true, 'HMAC fills a short key with NULs')
  t.equal(
    await readForeignHash(bcrypt)?.('U*U\0U*U'),
    true,
    'bcrypt repeats a short key, with a NUL between',
  )
})
