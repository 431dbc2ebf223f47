import t from 'tap'
import { readUser } from '../../src/cli/users-line.js'

const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const ada = { email: 'ada@example.org', password_hash: hash }
const account = { email: 'ada@example.org', passwordHash: hash, name: null, emailVerified: false }

t.test('a line becomes an account', async (t) => {
  const rows: Array<[line: object, expected: object]> = [
    [ada, account],
    [{ ...ada, email: ' ADA@Example.org ' }, account],
    [{ ...ada, email: 'e\u0301@b\u00fccher.example' }, { ...account, email: '\u00e9@xn--bcher-kva.example' }],
    [{ ...ada, name: 'Ada \u202e' }, { ...account, name: 'Ada \u202e' }],
    [{ ...ada, name: null, email_verified: false }, account],
    [{ ...ada, email_verified: true }, { ...account, emailVerified: true }]
  ]
  for (const [line, expected] of rows) t.strictSame(readUser(` ${JSON.stringify(line)}\r`), expected)
})

t.test('bad lines say why, and nothing of what stands in them', async (t) => {
  const [email, password, name, verified] = ['email is no e-mail address', 'password_hash is in no known format, or would cost too much to check', 'name is no text of 1 to 200 characters without control characters', 'email_verified is neither true nor false']
  const strings = [null, 1, true, [], ['x'], {}]
  const rows: Array<[line: unknown, reason: string]> = [
    ...['', 'secret', '{', '{"email":"secret@example.org"', '\0', '{"email":"secret@example.org",}', '[1', '\ufffd', JSON.stringify({ ...ada, name: 'secret' }).replace('secret', 'sec\0ret')].map((line): [string, string] => [line, 'not JSON']),
    ...[null, 1, true, 'secret', [], [ada]].map((line): [unknown, string] => [line, 'must be object']),
    [{}, 'must have required property \'email\''],
    [{ email: ada.email }, 'must have required property \'password_hash\''],
    ...['id', '__proto__', 'constructor', 'password', 'Email'].map((member): [string, string] => [`{"email":"ada@example.org","password_hash":"${hash}","${member}":"secret"}`, 'must NOT have additional properties']),
    [`{"__proto__":${JSON.stringify(ada)}}`, 'must have required property \'email\''],
    ...[...strings, '', 'secret', 'secret@', '@example.org', 'sec ret@example.org', 'sec\0ret@example.org', 'secret\ud800@example.org', 'secret\u202e@example.org', `${'secret'.repeat(60)}@example.org`, '"secret"@example.org', 'secret@example.org\u0000'].map((value): [object, string] => [{ ...ada, email: value }, email]),
    ...[...strings, '', 'secret', `${hash}\0`, `${hash} `, `\ud800${hash}`, '$2b$17$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', `$pbkdf2-sha256$i=1000$c2FsdA$${'A'.repeat(1024)}`, '$argon2id$v=19$m=9999999,t=9999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'].map((value): [object, string] => [{ ...ada, password_hash: value }, password]),
    ...[1, true, [], {}, '', 'sec\0ret', 'sec\nret', 'secret\ud800', 'secret\u2028', 's'.repeat(201)].map((value): [object, string] => [{ ...ada, name: value }, name]),
    ...[null, 0, 1, 'true', 'secret', [], {}].map((value): [object, string] => [{ ...ada, email_verified: value }, verified])
  ]
  for (const [line, reason] of rows) {
    const text = typeof line === 'string' && reason !== 'must be object' ? line : JSON.stringify(line)
    t.equal(readUser(text), reason, text.slice(0, 100))
  }
  t.equal(Object.hasOwn(Object.prototype, 'email'), false)
})
