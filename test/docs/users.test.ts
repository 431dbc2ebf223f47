import { execFile } from 'node:child_process'
import { pbkdf2Sync, scryptSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import argon2 from 'argon2'
import t, { type Test } from 'tap'
import { readUser } from '../../src/cli/users-line.js'
import { users } from '../../src/cli/users.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { buildTestApp, goodPassword, projectFile } from '../helper.js'

const text = await projectFile('docs/users.md')

/** Runs a program of the document on an input. */
async function runProgram(t: Test, file: string, input: string): Promise<string> {
  const [, code] =
    new RegExp(`\`\`\`js\\n(// ${file.replace('.', '\\.')}:[^]*?)\`\`\``).exec(text) ?? []
  if (code === undefined) throw new Error(`There is no program ${file}.`)
  const path = join(t.testdir(), file)
  writeFileSync(path, code)
  const running = promisify(execFile)(process.execPath, [path])
  running.child.stdin?.end(input)
  return (await running).stdout
}

/** Imports lines, and logs in as each person with the password; also with a wrong one. */
async function logIn(t: Test, jsonLines: string, people: Record<string, string>) {
  const { call, config, store } = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
  const terminal = fakeTerminal({ input: jsonLines })
  t.equal(await users(['import', '-'], config, terminal), 0)
  t.match(await terminal.output(), { stderr: /^$/ })
  for (const [name, password] of Object.entries(people)) {
    const email = `${name}@example.org`
    t.equal(
      (await call('POST', '/login', { body: { email, password: `${password}x` } })).statusCode,
      401,
      `${name}: a wrong password`,
    )
    t.equal((await call('POST', '/login', { body: { email, password } })).statusCode, 200, name)
  }
  return { store, call }
}

const base64 = (bytes: Buffer) => bytes.toString('base64')
const salt = Buffer.from('salt of a test!?', 'utf8')

/** The real ones were made by Werkzeug 3.1.9, better-auth 1.7.25, and for the tests of Django. */
const hashes: Record<string, [password: string, hash: string]> = {
  'werkzeug-scrypt': [
    goodPassword,
    'scrypt:32768:8:1$f6syPsLwRSScE0we$065ef8517ca37af756238780b829456952522937c8907be32a9f36731c5a134f83c83ba10bf0e5b11c70566db1b4dca6573b85c01e7e006f09c7ef60fe206e30',
  ],
  'werkzeug-sha256': [
    goodPassword,
    'pbkdf2:sha256:1000$pNIBmn7HIz6RmPBY$05352e06849cc82688c785629242b7f167c485152000a9d759dc6c940310e1ab',
  ],
  'werkzeug-sha512': [
    goodPassword,
    'pbkdf2:sha512:1000$ChELIFK1zbOkswtq$1a670421a9e5adb567fcb1d894af8fac02c09cacdbc8c010017a8841139f0854f3f9e7c3682a94ec6a26bcc9bc8bfe18b4c9338aff9ef48ff7282e09b2edb6b4',
  ],
  'werkzeug-sha1': [
    goodPassword,
    'pbkdf2:sha1:1000$0sh8csTeBLnMmiyz$e9e75becf6440a4446f9791cb7037fd8c902b62d',
  ],
  'better-auth': [
    goodPassword,
    '8b94100ab519c2a2385d3d5b6d39ace7:68f1fb3dc032747e8fcb6da91199c198b01077f3fdc8bad02ed03f53f51eb53cacc5f628add25a1abf2765a3ef2ae837153cf4964ed5e5345b70f10ba5f96ecd',
  ],
  'better-auth-nfkc': [
    'lantern-\ufb01-e\u0301',
    '123232afad91f3fda09b8248806fc474:587b6d3505eea8f9623af9b591210ee1c3fbb716fdf2731de90c871782a45804e5d640123e04ad522694f670be81dc2602c9fe7229b1339e364822d39a54d57f',
  ],
  'django-scrypt': [
    'l\u00e8tmein',
    'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
  ],
  'django-sha256': [
    goodPassword,
    `pbkdf2_sha256$1000$seasalt$${base64(pbkdf2Sync(goodPassword, 'seasalt', 1000, 32, 'sha256'))}`,
  ],
  'django-sha1': [
    goodPassword,
    `pbkdf2_sha1$1000$seasalt$${base64(pbkdf2Sync(goodPassword, 'seasalt', 1000, 20, 'sha1'))}`,
  ],
  'django-argon2': [
    goodPassword,
    `argon2${await argon2.hash(goodPassword, { salt, memoryCost: 1024, timeCost: 2, parallelism: 1 })}`,
  ],
  'django-bcrypt': ['U*U', 'bcrypt$$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  'padded-pbkdf2': [
    goodPassword,
    `$pbkdf2-sha256$i=1000$${base64(salt)}$${base64(pbkdf2Sync(goodPassword, salt, 1000, 32, 'sha256'))}`,
  ],
  'padded-scrypt': [
    goodPassword,
    `$scrypt$ln=10,r=8,p=1$${base64(salt)}$${base64(scryptSync(goodPassword, salt, 64, { N: 1024, r: 8, p: 1 }))}`,
  ],
  'as-it-is': ['U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
}

t.test('convert.mjs reads Django, Werkzeug, better-auth and padded base64', async (t) => {
  const rows = Object.entries(hashes).map(([name, [, hash]]) => ({
    email: `${name}@example.org`,
    password_hash: hash,
    name,
  }))
  const none = [
    ['django-none', '!JlaXGWIAcAjwbB5zB3MNwd3HJZbKGzXuAbCdEfGh'],
    ['null', null],
  ].map(([name, hash]) => ({ email: `${name}@example.org`, password_hash: hash }))
  const converted = await runProgram(
    t,
    'convert.mjs',
    [...rows, ...none].map((row) => JSON.stringify(row)).join('\n\n'),
  )
  const { store } = await logIn(
    t,
    converted,
    Object.fromEntries(Object.entries(hashes).map(([name, [password]]) => [name, password])),
  )
  for (const { email } of none)
    t.match((await store.accounts.findByEmail(email))?.passwordHash, /^![\w-]{22}$/)
})

/**
 * Users of public realm exports, with the passwords that belong to them; the rest as the source
 * of Keycloak computes it.
 */
function credential(
  algorithm: string,
  hashIterations: number,
  value: string,
  saltText: string,
  additionalParameters = {},
) {
  return [
    { type: 'otp', secretData: '{}', credentialData: '{}' },
    {
      id: 'x',
      type: 'password',
      createdDate: 1,
      secretData: JSON.stringify({ value, salt: saltText, additionalParameters: {} }),
      credentialData: JSON.stringify({ hashIterations, algorithm, additionalParameters }),
    },
  ]
}

t.test('keycloak.mjs reads a realm export', async (t) => {
  const argon = (version = '1.3') => ({
    hashLength: ['32'],
    memory: ['7168'],
    type: ['id'],
    version: [version],
    parallelism: ['1'],
  })
  const id = 'CFB55BF6-fcbb-4a1e-bfec-30c6649b52f8'
  const people = [
    {
      id,
      username: 'peter',
      email: 'peter@example.org',
      firstName: 'Peter',
      lastName: 'Cold',
      emailVerified: true,
      enabled: true,
      createdTimestamp: 1700000000123,
      credentials: credential(
        'argon2',
        5,
        'BuViHNDGmCq80fvpty/QoggTI8NSt0CuNDGgeoa5f5A=',
        'RJ0aLMQ2qKbZuROs7qQhcA==',
        argon(),
      ),
    },
    {
      email: 'admin1@example.org',
      enabled: true,
      credentials: credential(
        'argon2',
        5,
        'BruFLfFkjH/8erZ26NnrbkOrWiZuQyDRCHD9o0R6Scg=',
        'Cf9AYCE5pAbb4CKEF0GUTA==',
        argon(),
      ),
    },
    {
      email: 'user@example.org',
      firstName: 'U',
      credentials: credential(
        'pbkdf2-sha256',
        27500,
        'RITBVPdh5pvXOa4JzJ5pZTE0rG96zhnQNmSsKCf83aU=',
        'drB9e5Smf3cbfUfF3FUerw==',
      ),
    },
    {
      email: 'sha512@example.org',
      credentials: credential(
        'pbkdf2-sha512',
        2100,
        base64(pbkdf2Sync(goodPassword, salt, 2100, 64, 'sha512')),
        base64(salt),
      ),
    },
    // Keycloak pads short passwords with zeros to 14 characters, which HMAC does not notice.
    {
      email: 'sha1@example.org',
      credentials: credential(
        'pbkdf2',
        2000,
        base64(pbkdf2Sync(`short${'\0'.repeat(9)}`, salt, 2000, 64, 'sha1')),
        base64(salt),
      ),
    },
    {
      email: 'old@example.org',
      enabled: false,
      credentials: credential('argon2', 5, 'eA==', 'eA==', argon('1.0')),
    },
    { email: 'social@example.org', credentials: [] },
    { username: 'no-address', credentials: [] },
  ]
  const lines = await runProgram(
    t,
    'keycloak.mjs',
    JSON.stringify({ realm: 'test', users: people }),
  )
  const { store } = await logIn(t, lines, {
    peter: 'iceberg',
    admin1: 'password',
    user: 'password',
    sha512: goodPassword,
    sha1: 'short',
  })
  t.match(await store.accounts.findById(id.toLowerCase()), {
    email: 'peter@example.org',
    name: 'Peter Cold',
    createdAt: new Date(1700000000123),
    disabledAt: null,
  })
  for (const name of ['old', 'social'])
    t.match((await store.accounts.findByEmail(`${name}@example.org`))?.passwordHash, /^![\w-]{22}$/)
  t.not((await store.accounts.findByEmail('old@example.org'))?.disabledAt, null)
  t.equal((await store.accounts.list(null, 100)).length, 7)
})

t.test('every member that the import takes is in the document', async (t) => {
  const members = [
    'email',
    'password_hash',
    'id',
    'name',
    'email_verified',
    'email_verified_at',
    'disabled',
    'disabled_at',
    'created_at',
    'updated_at',
    'token_epoch',
    'former_emails',
    'ended_logins',
    'roles',
    'claims',
    'access_version',
    'last_login_at',
  ]
  const [, table = ''] = /\| member \| value .*\n\|[-|]+\n((?:\|.*\n)+)/.exec(text) ?? []
  const named = table.split('\n').flatMap((row) => (row.split('|')[1] ?? '').match(/\w+/g) ?? [])
  t.strictSame(named.sort(), members.sort())
  for (const member of members)
    t.notMatch(readUser(JSON.stringify({ [member]: {} })), /^unknown member/)
})
