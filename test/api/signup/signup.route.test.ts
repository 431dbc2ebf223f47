import { randomUUID } from 'node:crypto'
import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  onEachDatabase,
  outcome,
  pointersOf,
} from '../../helper.js'
import { type Misfit, refusesMisfits } from '../../support/misfits.js'
import { uniquePointers } from '../../support/replies.js'
import { nameOf, tableIs } from '../../support/table.js'

const email = 'ada@example.org'
const password = goodPassword

const good = { email, password }
const misfits: Misfit[] = [
  ['empty', {}, ['/email', '/password']],
  ['no password', { email }, ['/password']],
  ['no email', { password }, ['/email']],
  ['one more member', { ...good, x: 1 }, ['/x']],
  ['nested', { user: good }, ['/email', '/password', '/user']],
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
  ].map((text): Misfit => [`email of text ${nameOf(text)}`, { email: text, password }, ['/email']]),
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

  await t.test('POST /signup refuses misfits', async (t) => {
    await refusesMisfits(
      t,
      async (body) => await call('POST', '/signup', { body, headers: jsonType }),
      good,
      misfits,
    )
    t.strictSame(pointersOf(await call('POST', '/signup')), [''], 'no body')
    t.strictSame(
      pointersOf(await call('POST', '/signup?email=x', { body: good })),
      ['email'],
      'a query',
    )
  })

  await t.test('a name comes back unchanged or is refused', async (t) => {
    await tableIs(
      t,
      names.map(([name, fits]) => [nameOf(name), name, fits ? [name] : ['/name']] as const),
      async (name) => {
        const reply = await call('POST', '/signup', {
          body: { email: `${randomUUID()}@example.org`, password, name },
        })
        // Two rules of one member can be broken at once.
        if (reply.statusCode !== 201) return uniquePointers(reply)
        const me = await call('GET', '/me', { token: reply.json().access_token })
        return [me.json().name]
      },
      'names',
    )
  })

  await t.test('the headers of a sign-up', async (t) => {
    const reply = await call('POST', '/signup', {
      body: { email, password },
      headers: { authorization: 'Bearer nonsense', 'x-request-id': 'mine' },
    })
    t.equal(outcome(reply), '201', 'other headers do not matter')
    t.match(
      reply.headers,
      {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'x-request-id': 'mine',
        location: '/me',
      },
      'the headers',
    )
    const security = headerNames(await app.inject('/health/live'))
    t.strictSame(
      headerNames(reply),
      [...security, 'location'].sort(),
      'no cookie, no challenge, no server name',
    )
  })
})
