import t from 'tap'
import { readUser } from '../../src/cli/users-line.js'
import { readTime } from '../../src/cli/users-time.js'

const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const ada = { email: 'ada@example.org', password_hash: hash }
const id = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1'
const former = { id, email: 'Old@example.org', at: '2026-01-02T03:04:05+02:00' }
const ended = { sid: 'x', end: '2026-01-02T03:04:05Z' }
const account = { email: 'ada@example.org', passwordHash: hash, name: null, emailVerified: false }

t.test('a former address cannot be from the future', async (t) => {
  const now = Date.parse('2026-01-02T03:04:05Z')
  const outcomes = [-1, 0, 30_000, 30_001, 7 * 86_400_000].map((ahead) => {
    const at = new Date(now + ahead).toISOString()
    const read = readUser(JSON.stringify({ ...ada, former_emails: [{ ...former, at }] }), now)
    return [ahead, typeof read === 'string' ? read : 'taken']
  })
  t.strictSame(outcomes, [
    [-1, 'taken'],
    [0, 'taken'],
    [30_000, 'taken'],
    [30_001, 'a time of former_emails is in the future'],
    [604_800_000, 'a time of former_emails is in the future'],
  ])
})

t.test('a line becomes an account', async (t) => {
  const rows: Array<[line: object, expected: object]> = [
    [ada, account],
    [{ ...ada, email: ' ADA@Example.org ' }, account],
    [
      { ...ada, email: 'e\u0301@b\u00fccher.example' },
      { ...account, email: '\u00e9@xn--bcher-kva.example' },
    ],
    [
      { ...ada, name: 'Ada \u202e' },
      { ...account, name: 'Ada \u202e' },
    ],
    [{ ...ada, name: null, email_verified: false }, account],
    [
      { ...ada, email_verified: true },
      { ...account, emailVerified: true },
    ],
    [{ ...ada, email_verified_at: null }, account],
    [{ ...ada, email_verified: false, email_verified_at: null }, account],
    ...[{}, { email_verified: true }].map((also): [object, object] => [
      { ...ada, ...also, email_verified_at: '2026-01-02T03:04:05Z' },
      { ...account, emailVerified: new Date('2026-01-02T03:04:05Z') },
    ]),
    [
      { ...ada, disabled: true },
      { ...account, disabled: true },
    ],
    ...[{ disabled: false }, { disabled_at: null }, { disabled: false, disabled_at: null }].map(
      (state): [object, object] => [
        { ...ada, ...state },
        { ...account, disabled: false },
      ],
    ),
    ...[{}, { disabled: true }].map((also): [object, object] => [
      { ...ada, ...also, disabled_at: '2026-01-02T03:04:05Z' },
      { ...account, disabled: new Date('2026-01-02T03:04:05Z') },
    ]),
    ...[
      id,
      id.toUpperCase(),
      id.replace('-7c', '-4c'),
      '00000000-0000-0000-0000-000000000000',
      'FFFFFFFF-ffff-ffff-FFFF-ffffffffffff',
    ].map((value): [object, object] => [
      { ...ada, id: value },
      { ...account, id: value.toLowerCase() },
    ]),
    ...[0, 1, 2_000_000_000].map((value): [object, object] => [
      { ...ada, token_epoch: value, access_version: value },
      { ...account, tokenEpoch: value, accessVersion: value },
    ]),
    ...[[], ['admin'], ['b', 'a.b_c-d']].map((roles): [object, object] => [
      { ...ada, roles },
      { ...account, roles: JSON.stringify(roles) },
    ]),
    ...[{}, { plan: 'pro', n: [1, { a: null }], '': '\\ud800 \\u0000' }].map(
      (claims): [object, object] => [
        { ...ada, claims },
        { ...account, claims: JSON.stringify(claims) },
      ],
    ),
    [{ ...ada, last_login_at: null }, account],
    [
      { ...ada, last_login_at: '2026-01-02T03:04:05Z' },
      { ...account, lastLoginAt: new Date('2026-01-02T03:04:05Z') },
    ],
    [
      { ...ada, former_emails: [] },
      { ...account, emailHistory: '[]' },
    ],
    [
      { ...ada, former_emails: [{ ...former, id: id.toUpperCase() }] },
      {
        ...account,
        emailHistory: JSON.stringify([{ id, email: 'old@example.org', at: Date.parse(former.at) }]),
      },
    ],
    [
      { ...ada, ended_logins: [] },
      { ...account, endedLogins: '[]' },
    ],
    [
      { ...ada, ended_logins: [{ sid: 'a-B_9', end: '2026-01-02T03:04:05.999Z' }] },
      { ...account, endedLogins: '[["a-B_9",1767323045]]' },
    ],
    [
      { ...ada, created_at: '2020-02-29T23:59:59.999Z', updated_at: '2019-01-01t00:00:00z' },
      {
        ...account,
        createdAt: new Date('2020-02-29T23:59:59.999Z'),
        updatedAt: new Date('2019-01-01T00:00:00Z'),
      },
    ],
    ...['!aaaaaaaaaaaaaaaaaaaaaa', '!A-Z_09aaaaaaaaaaaaaaaa'].map((value): [object, object] => [
      { ...ada, password_hash: value },
      { ...account, passwordHash: value },
    ]),
  ]
  for (const [line, expected] of rows)
    t.strictSame(readUser(` ${JSON.stringify(line)}\r`), expected)
})

t.test('a line without a password gets an unusable hash of its own', async (t) => {
  const hashes = ['ada', 'bob']
    .map((name) => readUser(JSON.stringify({ email: `${name}@example.org`, password_hash: null })))
    .map((user) => (typeof user === 'string' ? user : user.passwordHash))
  for (const one of hashes) t.match(one, /^![\w-]{22}$/)
  t.not(hashes[0], hashes[1])
})

t.test('every form of a time', async (t) => {
  const rows: Array<[text: string, expected: string]> = [
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['9999-12-31T23:59:59.9999999Z', '9999-12-31T23:59:59.999Z'],
    ['2024-02-29 12:00:00.1+05:30', '2024-02-29T06:30:00.100Z'],
    ['2024-01-01T00:00:00.123456-23:59', '2024-01-01T23:59:00.123Z'],
    ['1969-12-31T23:00:00-01:00', '1970-01-01T00:00:00.000Z'],
    ['2024-01-01t00:00:00-00:00', '2024-01-01T00:00:00.000Z'],
  ]
  for (const [text, expected] of rows) t.equal(readTime(text)?.toISOString(), expected, text)
  const refused = [
    '',
    '2024-01-01',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00Z',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00+02',
    '2024-01-01T00:00:00+0200',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00+00:60',
    '2024-01-01T00:00:00 Z',
    ' 2024-01-01T00:00:00Z',
    '2024-01-01T00:00:00Z\n',
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-00-01T00:00:00Z',
    '2024-01-00T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2016-12-31T23:59:60Z',
    '+2024-01-01T00:00:00Z',
    '02024-01-01T00:00:00Z',
    '\u0662024-01-01T00:00:00Z',
    '1969-12-31T23:59:59.999Z',
    '1970-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '0000-01-01T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    '1767323045',
    'Fri, 02 Jan 2026 03:04:05 GMT',
    'now',
  ]
  for (const text of refused) t.equal(readTime(text), null, text)
})

t.test('bad lines say why, and nothing of what stands in them', async (t) => {
  const [email, password, name, verified] = [
    'email is not a valid e-mail address',
    'password_hash is in an unknown format, or would cost too much to check',
    'name is not a text of 1 to 200 characters without control characters',
    'email_verified is neither true nor false',
  ]
  const strings = [null, 1, true, [], ['x'], {}]
  const rows: Array<[line: unknown, reason: string]> = [
    ...[
      '',
      'secret',
      '{',
      '{"email":"secret@example.org"',
      '\0',
      '{"email":"secret@example.org",}',
      '[1',
      '\ufffd',
      JSON.stringify({ ...ada, name: 'secret' }).replace('secret', 'sec\0ret'),
    ].map((line): [string, string] => [line, 'not JSON']),
    ...[null, 1, true, 'secret', [], [ada]].map((line): [unknown, string] => [
      line,
      'must be object',
    ]),
    [{}, "must have required property 'email'"],
    [{ email: ada.email }, "must have required property 'password_hash'"],
    ...['ID', '__proto__', 'constructor', 'password', 'Email', ''].map(
      (member): [string, string] => [
        `{"email":"ada@example.org","password_hash":"${hash}","${member}":"secret"}`,
        `unknown member "${member}"`,
      ],
    ),
    [`{"__proto__":${JSON.stringify(ada)}}`, 'unknown member "__proto__"'],
    [{ ...ada, ['x'.repeat(16_000)]: 'secret' }, `unknown member "${'x'.repeat(40)}\u2026"`],
    [{ ...ada, ['x'.repeat(40)]: 'secret' }, `unknown member "${'x'.repeat(40)}"`],
    [
      { ...ada, [`a"\n\u202e\x1b\u{e0001}${String.fromCharCode(0xd800)}`]: 'secret' },
      'unknown member "a\\"\\n\\u202e\\u001b\\udb40\\udc01\\ud800"',
    ],
    ...[
      ...strings,
      '',
      'secret',
      id.slice(1),
      `${id}0`,
      ` ${id}`,
      `{${id}}`,
      `urn:uuid:${id}`,
      id.replaceAll('-', ''),
      id.replace('0', 'g'),
      `${id}\n`,
    ].map((value): [object, string] => [{ ...ada, id: value }, 'id is not a UUID']),
    ...[null, '1', true, -1, 0.5, 2_000_000_001, 2 ** 31, 1e300, [], {}].map(
      (value): [object, string] => [
        { ...ada, token_epoch: value },
        'token_epoch is not a whole number from 0 to 2000000000',
      ],
    ),
    ...[null, '1', -1, 0.5, 2_000_000_001, [], {}].map((value): [object, string] => [
      { ...ada, access_version: value },
      'access_version is not a whole number from 0 to 2000000000',
    ]),
    ...[null, 'admin', { admin: true }, [1], [null], Array.from('abcdefghijklmnopq')].map(
      (roles): [object, string] => [{ ...ada, roles }, 'roles is not a list of up to 16 texts'],
    ),
    ...[['Secret'], [''], ['a'.repeat(33)], ['a"b'], ['a\n']].map((roles): [object, string] => [
      { ...ada, roles },
      'roles: a role begins with a-z, and has up to 32 characters: a-z, 0-9, dot, underscore, hyphen',
    ]),
    [{ ...ada, roles: ['a', 'b', 'a'] }, 'roles: must not name a role twice'],
    [
      { ...ada, roles: Array.from('abcdefg', (letter) => letter.repeat(29)) },
      'roles: must have at most 200 characters in all roles together',
    ],
    ...[null, 'secret', 1, []].map((claims): [object, string] => [
      { ...ada, claims },
      'claims is not an object',
    ]),
    ...['sub', 'roles', 'ver', 'exp', 'email', 'constructor'].map((name): [object, string] => [
      { ...ada, claims: { [name]: 'secret' } },
      'claims: has a meaning of its own in tokens',
    ]),
    [
      `{"email":"ada@example.org","password_hash":"${hash}","claims":{"__proto__":"secret"}}`,
      'claims: has a meaning of its own in tokens',
    ],
    [{ ...ada, claims: { a: '\u20ac'.repeat(98) } }, 'claims: must have at most 300 bytes as JSON'],
    ...['\0', '\\\0', '\ud800', '\udfff'].map((text): [object, string] => [
      { ...ada, claims: { [text]: 1 } },
      'claims: must be well-formed Unicode without NUL',
    ]),
    ...['created_at', 'updated_at'].flatMap((member) =>
      [...strings, 'secret', '2024-01-01', '9'.repeat(65)].map((value): [object, string] => [
        { ...ada, [member]: value },
        `${member} is not an RFC 3339 time between 1970 and 9999`,
      ]),
    ),
    ...['email_verified_at', 'disabled_at'].flatMap((member) =>
      [...strings.slice(1), 'secret', '2024-01-01', '9'.repeat(65)].map(
        (value): [object, string] => [
          { ...ada, [member]: value },
          `${member} is neither null nor an RFC 3339 time between 1970 and 9999`,
        ],
      ),
    ),
    ...['email_verified', 'disabled'].flatMap((member) =>
      [
        [true, null],
        [false, '2024-01-01T00:00:00Z'],
      ].map(([state, at]): [object, string] => [
        { ...ada, [member]: state, [`${member}_at`]: at },
        `${member} and ${member}_at contradict each other`,
      ]),
    ),
    ...[null, 0, 'true', [], {}].map((value): [object, string] => [
      { ...ada, disabled: value },
      'disabled is neither true nor false',
    ]),
    ...[
      null,
      'secret',
      {},
      [1],
      [{}],
      [former.email],
      [{ ...former, extra: 1 }],
      [{ ...former, id: 'x' }],
      [{ ...former, email: 'secret' }],
      [{ ...former, at: 1 }],
      [{ ...former, at: 'secret' }],
      [former, former],
      Array.from({ length: 11 }, (_, index) => ({
        ...former,
        id: id.slice(0, -2) + String(10 + index),
      })),
    ].map((value): [object, string] => [
      { ...ada, former_emails: value },
      'former_emails is not a list of up to 10 objects of id, email and at',
    ]),
    ...[
      null,
      {},
      [['x', 1]],
      [{ ...ended, extra: 1 }],
      [{ ...ended, sid: '' }],
      [{ ...ended, sid: 'x'.repeat(101) }],
      [{ ...ended, sid: 'se cret' }],
      [{ ...ended, end: 1 }],
      [{ ...ended, end: 'secret' }],
      Array.from({ length: 52 }, () => ended),
    ].map((value): [object, string] => [
      { ...ada, ended_logins: value },
      'ended_logins is not a list of up to 51 objects of sid and end',
    ]),
    ...[
      '!',
      '!!',
      `!${'a'.repeat(21)}`,
      `!${'a'.repeat(23)}`,
      `!${'a'.repeat(21)}+`,
      `!${'a'.repeat(22)}\n`,
      `!${'A'.repeat(40)}`,
    ].map((value): [object, string] => [{ ...ada, password_hash: value }, password]),
    ...[
      ...strings,
      '',
      'secret',
      'secret@',
      '@example.org',
      'sec ret@example.org',
      'sec\0ret@example.org',
      'secret\ud800@example.org',
      'secret\u202e@example.org',
      `${'secret'.repeat(60)}@example.org`,
      '"secret"@example.org',
      'secret@example.org\u0000',
    ].map((value): [object, string] => [{ ...ada, email: value }, email]),
    ...[
      ...strings.slice(1),
      '',
      'secret',
      `${hash}\0`,
      `${hash} `,
      `\ud800${hash}`,
      '$2b$17$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
      `$pbkdf2-sha256$i=1000$c2FsdA$${'A'.repeat(1024)}`,
      '$argon2id$v=19$m=9999999,t=9999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    ].map((value): [object, string] => [{ ...ada, password_hash: value }, password]),
    ...[
      1,
      true,
      [],
      {},
      '',
      'sec\0ret',
      'sec\nret',
      'secret\ud800',
      'secret\u2028',
      's'.repeat(201),
    ].map((value): [object, string] => [{ ...ada, name: value }, name]),
    ...[null, 0, 1, 'true', 'secret', [], {}].map((value): [object, string] => [
      { ...ada, email_verified: value },
      verified,
    ]),
  ]
  for (const [line, reason] of rows) {
    const text =
      typeof line === 'string' && reason !== 'must be object' ? line : JSON.stringify(line)
    t.equal(readUser(text), reason, text.slice(0, 100))
  }
  t.equal(Object.hasOwn(Object.prototype, 'email'), false)
})
