import t, { type Test } from 'tap'
import { buildTestApp, outcome, problem } from '../helper.js'

const origin = 'https://app.example.com'
const LOG_LEVEL = 'debug'

/** Sends preflights and returns what each left in the log at `debug`. */
async function setUp(t: Test, env: Record<string, string>) {
  const { app, log, logText } = await buildTestApp(t, { env: { LOG_LEVEL, ...env } })
  const hints = () => log().filter(({ level, reason }) => level === 20 && reason !== undefined)
  const preflight = async (headers: Record<string, string>, url = '/login') =>
    await app.inject({
      method: 'OPTIONS',
      url,
      headers: { 'access-control-request-method': 'POST', ...headers },
    })
  return { app, hints, logText, preflight }
}

t.test('a refused preflight leaves a hint in the log', async (t) => {
  const { hints, preflight, logText } = await setUp(t, { CORS_ORIGINS: origin })
  await preflight({ origin, 'access-control-request-headers': 'Content-Type, traceparent' })
  await preflight({ origin })
  t.strictSame(hints(), [], 'no hint for a preflight that passes')

  await preflight({ origin: 'http://localhost:5173' })
  await preflight({ origin, 'access-control-request-method': 'PUT' })
  await preflight({ origin, 'access-control-request-headers': 'content-type,X-Csrf-Token' })
  await preflight({ origin, 'access-control-request-headers': 'x-\u009b31m,a' })
  const msg = 'a browser refuses this call: see CORS_ORIGINS'
  t.strictSame(
    hints().map(({ msg, reason, origin, header }) => ({ msg, reason, origin, header })),
    [
      { msg, reason: 'origin', origin: 'http://localhost:5173', header: undefined },
      { msg, reason: 'method', origin, header: undefined },
      { msg, reason: 'header', origin, header: 'x-csrf-token' },
      { msg, reason: 'header', origin, header: 'other' },
    ],
  )
  t.notMatch(logText(), '\u009b')
})

t.test('without CORS_ORIGINS the hint is there too', async (t) => {
  const { hints, preflight } = await setUp(t, {})
  problem(t, await preflight({ origin }), 405, 'method_not_allowed')
  problem(t, await preflight({ origin }, '/nope'), 404, 'not_found')
  t.match(hints(), [{ reason: 'origin', origin }])
})

t.test('the hint shows only text that looks like an origin, without secrets', async (t) => {
  const { hints, preflight, logText } = await setUp(t, { CORS_ORIGINS: origin })
  const table: Array<[given: string, shown: string]> = [
    ['null', 'null'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIx.c2ln', 'https://[redacted]'],
    ['https://ada:canary@example.org', 'not an origin'],
    ['https://x.example/?token=canary', 'not an origin'],
    ['x","level":60,"msg":"canary', 'not an origin'],
    ['https://\u009b31mcanary', 'not an origin'],
    [`https://${'x'.repeat(300)}`, 'not an origin'],
    ['', 'not an origin'],
  ]
  for (const [given] of table) await preflight({ origin: given })
  const shown = hints().map(({ origin }) => origin)
  t.strictSame(shown, [...new Set(table.map(([, shown]) => shown))])
  t.notMatch(logText(), /canary|eyJ|\u009b/)
})

t.test('many preflights leave few hints', async (t) => {
  let now = 5
  t.intercept(performance, 'now', { value: () => now })
  const { hints, preflight } = await setUp(t, { CORS_ORIGINS: origin })
  for (let call = 0; call < 50; call++) await preflight({ origin: 'https://one.example' })
  t.equal(hints().length, 1, 'the same one once')
  for (let call = 0; call < 100; call++) await preflight({ origin: `https://${call}.example` })
  t.equal(hints().length, 20)
  now += 60_000
  await preflight({ origin: 'https://one.example' })
  t.equal(hints().length, 21, 'again after a minute')
})

t.test('at the default level there is no hint', async (t) => {
  const { preflight, logText } = await setUp(t, { LOG_LEVEL: 'info' })
  await preflight({ origin: 'https://one.example' })
  t.notMatch(logText(), /CORS_ORIGINS|one\.example/)
})

t.test('OPTIONS that is no preflight is refused with and without CORS', async (t) => {
  for (const CORS_ORIGINS of ['', origin]) {
    const { app } = await setUp(t, { CORS_ORIGINS })
    for (const headers of [{}, { origin }]) {
      // HAProxy's `option httpchk` sends OPTIONS /. A success would hide that the database is away.
      const check = await app.inject({ method: 'OPTIONS', url: '/', headers })
      t.equal(outcome(check), '405 method_not_allowed')
      t.equal(check.headers.allow, 'GET, HEAD')
      const unknown = await app.inject({ method: 'OPTIONS', url: '/nope', headers })
      t.equal(outcome(unknown), '404 not_found')
    }
  }
})
