import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  buildTestApp,
  goodPassword,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  pointers,
  problem,
} from '../../helper.js'

const email = 'ada@example.org'
const password = goodPassword

const misfits: Array<[body: object, pointers: string[]]> = [
  [{}, ['/email', '/password']],
  [{ email }, ['/password']],
  [{ password }, ['/email']],
  [{ email, password, name: 'Ada' }, ['/name']],
  [{ email, password, refresh_token: 'x', transport: 'cookie' }, ['/refresh_token', '/transport']],
  [{ email: { contains: '@' }, password: { not: '' } }, ['/email', '/password']],
  ...notStrings.flatMap((value): typeof misfits => [
    [{ email: value, password }, ['/email']],
    [{ email, password: value }, ['/password']],
  ]),
  ...[
    '',
    'ada',
    'a\0da@example.org',
    'ada＠example.org',
    '%',
    'a'.repeat(321),
    '\ud800@example.org',
  ].map((text): (typeof misfits)[number] => [{ email: text, password }, ['/email']]),
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

  for (const [body, expected] of misfits)
    t.strictSame(
      pointers(t, await call('POST', '/login', { body })).sort(),
      expected,
      JSON.stringify(body).slice(0, 80),
    )
  for (const body of notObjects)
    t.strictSame(pointers(t, await call('POST', '/login', { body, headers: jsonType })), [''], body)
  t.strictSame(pointers(t, await call('POST', '/login')), [''])
  t.strictSame(
    pointers(t, await call('POST', '/login?password=x', { body: { email, password } })),
    ['password'],
    'no credentials in a URL',
  )

  const reply = await call('POST', '/login', {
    body: { email, password },
    headers: { authorization: 'Bearer nonsense', cookie: 'x=y' },
  })
  t.equal(reply.statusCode, 200, 'other credentials change nothing')
  t.match(reply.headers, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'set-cookie': undefined,
    'www-authenticate': undefined,
  })

  away = true
  const refused = await call('POST', '/login', { body: { email, password } })
  problem(t, refused, 503, 'unavailable')
  t.match(refused.headers['retry-after'], /^[1-9]\d*$/)
})
