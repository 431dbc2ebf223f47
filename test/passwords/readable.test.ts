import t from 'tap'
import { createHasher, isReadableHash } from '../../src/passwords/hash.js'
import { unusableHash } from '../../src/unusable-hash.js'
import { cheapHash } from '../helper.js'

const [salt, tag] = ['c29tZXNhbHQ', 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc']
const bcrypt = 'CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

t.test('hashes that can be taken over', async (t) => {
  const { hash } = await createHasher(cheapHash, () => {})
  const rows = [
    await hash('password'),
    `$argon2id$v=19$m=65536,t=3,p=4$${salt}$${tag}`,
    `$argon2i$v=19$m=4096,t=3,p=1$${salt}$${tag}`,
    `$argon2d$v=19$m=256,t=2,p=1$${salt}$${tag}`,
    // The dearest choices that are recommended: RFC 9106 §4, and libsodium's "sensitive".
    `$argon2id$v=19$m=2097152,t=1,p=4$${salt}$${tag}`,
    `$argon2id$v=19$m=1048576,t=4,p=1$${salt}$${tag}`,
    // Padded, as other systems write base64.
    `$argon2id$v=19$m=65536,t=3,p=4$${salt}=$${tag}=`,
    `$argon2id$v=19$m=7168,t=5,p=1$AAECAwQFBgcICQoLDA0ODw==$${tag}=`,
    `$argon2id$v=19$m=65536,t=3,p=4$${salt}=$${tag}`,
    `$2a$05$${bcrypt}`,
    `$2b$12$${bcrypt}`,
    `$2y$16$${bcrypt}`,
    `$scrypt$ln=16,r=8,p=1$${salt}$${tag}`,
    // The dearest choice of OWASP, and as much work in more lanes.
    `$scrypt$ln=17,r=8,p=1$${salt}$${tag}`,
    `$scrypt$ln=15,r=8,p=16$${salt}$${tag}`,
    '$pbkdf2-sha256$6400$MDEyMzQ1Njc4OWFiY2RlZg$GAgw.j2X2FQf6rCn19KJonkGfQQsVMJDdhR2EPZ/a9I',
    `$pbkdf2-sha512$i=210000$${salt}$${tag}${tag}`,
  ]
  for (const stored of rows) t.equal(isReadableHash(stored), true, stored)
})

t.test('what cannot be, or would cost too much at each login', async (t) => {
  const rows = [
    `$argon2id$v=19$m=65536,t=3,p=4$${salt}==$${tag}`,
    `$argon2id$v=19$m=65536,t=3,p=4$${salt}$${tag}==`,
    unusableHash(),
    '!',
    `!$2b$05$${bcrypt}`,
    '',
    'password',
    '$',
    '$argon2id$',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    '$1$salt$hash',
    '$6$salt$hash',
    'pbkdf2_sha256$600000$salt$hash',
    `$argon2id$v=16$m=1024,t=2,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=7,t=2,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=1024,t=0,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=2097153,t=1,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=2097152,t=3,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=1024,t=4097,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=1024,t=2,p=65$${salt}$${tag}`,
    `$argon2id$v=19$m=9999999,t=9999,p=999$${salt}$${tag}`,
    `$2b$17$${bcrypt}`,
    `$2b$05$${bcrypt}\n`,
    `$2b$05$${bcrypt}\0`,
    `$scrypt$ln=20,r=8,p=1$${salt}$${tag}`,
    `$scrypt$ln=18,r=8,p=16$${salt}$${tag}`,
    `$pbkdf2-sha256$i=5000001$${salt}$${tag}`,
  ]
  for (const stored of rows) t.equal(isReadableHash(stored), false, stored)
})
