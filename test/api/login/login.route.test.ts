import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  buildTestApp,
  goodPassword,
  jsonType,
  onEachDatabase,
  pointersOf,
  problem,
} from '../../helper.js'
import { type Misfit, refusesMisfits } from '../../support/misfits.js'
import { nameOf } from '../../support/table.js'

const email = 'ada@example.org'
const password = goodPassword

const good = { email, password }
const misfits: Misfit[] = [
  ['empty', {}, ['/email', '/password']],
  ['no password', { email }, ['/password']],
  ['no email', { password }, ['/email']],
  ['one more member', { ...good, name: 'Ada' }, ['/name']],
  [
    'two more members',
    { ...good, refresh_token: 'x', scope: 'cookie' },
    ['/refresh_token', '/scope'],
  ],
  ['another transport', { ...good, transport: 'body' }, ['/transport']],
  [
    'operators of a query',
    { email: { contains: '@' }, password: { not: '' } },
    ['/email', '/password'],
  ],
  ...[
    '',
    'ada',
    'a\0da@example.org',
    'ada＠example.org',
    '%',
    'a'.repeat(321),
    '\ud800@example.org',
  ].map((text): Misfit => [`email of text ${nameOf(text)}`, { email: text, password }, ['/email']]),
]

await onEachDatabase(t, async (t, database) => {
  let away = false
  const { call, signup } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findByEmail: async (address) => {
          if (away) throw new Problem('unavailable')
          return await store.accounts.findByEmail(address)
        },
      },
    }),
  })
  await signup({ email })

  await refusesMisfits(
    t,
    async (body) => await call('POST', '/login', { body, headers: jsonType }),
    good,
    misfits,
  )
  t.strictSame(pointersOf(await call('POST', '/login')), [''], 'no body')
  t.strictSame(
    pointersOf(await call('POST', '/login?password=x', { body: good })),
    ['password'],
    'credentials in a query',
  )

  const reply = await call('POST', '/login', {
    body: { email, password },
    headers: { authorization: 'Bearer nonsense', cookie: 'x=y' },
  })
  t.equal(reply.statusCode, 200, 'other credentials change nothing')
  t.match(
    reply.headers,
    {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'set-cookie': undefined,
      'www-authenticate': undefined,
    },
    'the headers of a login',
  )

  away = true
  const refused = await call('POST', '/login', { body: { email, password } })
  problem(t, refused, 503, 'unavailable')
  t.match(refused.headers['retry-after'], /^[1-9]\d*$/, 'the wait of an outage')
})
