import { randomUUID } from 'node:crypto'
import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  pointers,
} from '../../helper.js'

const email = 'ada@example.org'
const password = goodPassword

const misfits: Array<[body: object, pointers: string[]]> = [
  [{}, ['/email', '/password']],
  [{ email }, ['/password']],
  [{ password }, ['/email']],
  [{ email, password, x: 1 }, ['/x']],
  [{ user: { email, password } }, ['/email', '/password', '/user']],
  ...notStrings.flatMap((value): typeof misfits => [
    [{ email: value, password }, ['/email']],
    [{ email, password: value }, ['/password']],
  ]),
  ...[
    '',
    'a@',
    'ada',
    'ada@example',
    '@example.org',
    'ada@@example.org',
    'a\0da@example.org',
    'ada＠example.org',
    'ada@example．org',
    'ada@example.org\r\nbcc: x@y.zz',
    `${'a'.repeat(65)}@example.org`,
    'a'.repeat(321),
    '\ud800@example.org',
  ].map((text): (typeof misfits)[number] => [{ email: text, password }, ['/email']]),
]

const names: Array<[name: unknown, fits: boolean]> = [
  ['Ada', true],
  [null, true],
  ['👩🏽‍🚀 Ada', true],
  ['עדה לאבלייס', true],
  ['\u202eadA', true],
  ["Robert'); DROP TABLE users;--", true],
  ['<b>Ada</b>', true],
  ['x'.repeat(200), true],
  ['😀'.repeat(200), true],
  ['x'.repeat(201), false],
  ['😀'.repeat(201), false],
  ['', false],
  ['A\0da', false],
  ['A\rda', false],
  ['A\nda', false],
  ['\u001b[31mAda', false],
  ['A\u2028da', false],
  ['\ud83d', false],
  ['\ude00Ada', false],
  [1, false],
  [true, false],
  [[], false],
  [['Ada'], false],
  [{}, false],
  [{ set: null }, false],
]

await onEachDatabase(t, async (t, database) => {
  const { call, app } = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })

  await t.test('bodies that do not fit', async (t) => {
    for (const [body, expected] of misfits)
      t.strictSame(
        pointers(t, await call('POST', '/signup', { body })).sort(),
        expected,
        JSON.stringify(body).slice(0, 80),
      )
    for (const body of notObjects)
      t.strictSame(
        pointers(t, await call('POST', '/signup', { body, headers: jsonType })),
        [''],
        body,
      )
    t.strictSame(pointers(t, await call('POST', '/signup')), [''], 'no body')
    t.strictSame(
      pointers(t, await call('POST', '/signup?email=x', { body: { email, password } })),
      ['email'],
      'a query',
    )
  })

  await t.test('names come back as they were, or are refused', async (t) => {
    for (const [name, fits] of names) {
      const reply = await call('POST', '/signup', {
        body: { email: `${randomUUID()}@example.org`, password, name },
      })
      if (!fits) {
        t.ok(
          pointers(t, reply).every((pointer) => pointer === '/name'),
          ascii(name),
        )
        continue
      }
      t.equal(reply.statusCode, 201, ascii(name))
      const me = await call('GET', '/me', { token: reply.json().access_token })
      t.equal(me.json().name, name)
    }
  })

  await t.test('headers of the answer', async (t) => {
    const reply = await call('POST', '/signup', {
      body: { email, password },
      headers: { authorization: 'Bearer nonsense', 'x-request-id': 'mine' },
    })
    t.equal(reply.statusCode, 201)
    t.match(reply.headers, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-request-id': 'mine',
      location: '/me',
    })
    const security = headerNames(await app.inject('/health/live'))
    t.strictSame(
      headerNames(reply),
      [...security, 'location'].sort(),
      'no cookie, no challenge, no server name',
    )
  })
})

// U+2028 would break a line of the report in two.
function ascii(value: unknown): string {
  return JSON.stringify(value)
    .replace(/[^ -~]/gu, (letter) => `U+${letter.codePointAt(0)?.toString(16)}`)
    .slice(0, 60)
}
