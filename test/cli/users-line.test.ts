import t from 'tap'
import { readUser } from '../../src/cli/users-line.js'
import { readTime } from '../../src/cli/users-time.js'

const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const ada = { email: 'ada@example.org', password_hash: hash }
const id = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1'
const former = { id, email: 'Old@example.org', at: '2026-01-02T03:04:05+02:00' }
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
