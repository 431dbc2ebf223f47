import t from 'tap'
import {
  failure,
  problemText,
  recordCalls,
  respond,
  run,
  signUp,
  startClientPages,
  storages,
} from '../support/client-page.js'
import { hosts } from '../support/sites.js'

const pages = await startClientPages(t, { env: { RATE_LIMITS: 'off' } })
const api = pages.sites.originOf(hosts.id)
const refreshUrl = `${api}/refresh`
const me = `auth.fetch('${api}/me').then((reply) => reply.status)`

/** How a refresh can fail without saying that the login has ended, and the code that it gets. */
const faults: Array<[string, Parameters<typeof respond>[2], string]> = [
  ['away', 'away', 'network'],
  ['HTML with 200', { status: 200, body: '<h1>Welcome to the hotel</h1>' }, 'network'],
  ['an empty 200', { status: 200, body: '' }, 'network'],
  ['a 204', { status: 204 }, 'network'],
  ['JSON of another program with 200', { status: 200, body: '{"ok":true}' }, 'network'],
  ['null with 200', { status: 200, body: 'null' }, 'network'],
  [
    'tokens without a user',
    { status: 200, body: '{"access_token":"a","refresh_token":"b","expires_in":600}' },
    'network',
  ],
  ['HTML with 401', { status: 401, body: '<h1>Log in to the proxy</h1>' }, 'network'],
  ['an empty 401', { status: 401, body: '' }, 'network'],
  [
    'another problem with 401',
    { status: 401, body: problemText(401, 'invalid_token') },
    'invalid_token',
  ],
  [
    'the code of an ended login with 403',
    { status: 403, body: problemText(403, 'invalid_refresh_token') },
    'invalid_refresh_token',
  ],
  [
    'forbidden',
    { status: 403, body: problemText(403, 'cross_site_request') },
    'cross_site_request',
  ],
  ['not found', { status: 404, body: problemText(404, 'not_found') }, 'not_found'],
  ['429', { status: 429, body: problemText(429, 'rate_limited') }, 'rate_limited'],
  [
    '429 of a proxy',
    { status: 429, body: 'Too many', headers: { 'retry-after': '60' } },
    'network',
  ],
  ['500', { status: 500, body: problemText(500, 'internal_error') }, 'internal_error'],
  ['502 of a proxy', { status: 502, body: '<h1>Bad gateway</h1>' }, 'network'],
  ['503', { status: 503, body: problemText(503, 'unavailable') }, 'unavailable'],
]

for (const storage of storages)
  t.test(`a server in trouble and the storage ${storage}`, async (t) => {
    const context = await pages.newContext()
    await context.clock.install()
    const page = await pages.open(context, storage)
    const email = await signUp(page, `faults-${storage}@example.org`)
    for (const [name, response, code] of faults) {
      await page.clock.fastForward('20:00')
      await respond(page, refreshUrl, response)
      t.equal(await failure(page, me), code, `${name}: the call fails with its code`)
      t.match(await run(page, 'auth.user'), { email }, `${name}: the login is kept`)
      await page.unroute(refreshUrl)
      await page.clock.fastForward('06:00')
      t.equal(await run(page, me), 200, `${name}: afterwards it works`)
    }
    t.strictSame(await run(page, 'changes'), [[email, undefined]], 'listeners hear nothing of it')
    await context.close()
  })

t.test('only the refusal of the refresh token logs out, with the reason', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    await context.clock.install()
    const page = await pages.open(context, storage)
    const email = await signUp(page, `refused-${storage}@example.org`)
    await page.clock.fastForward('20:00')
    await respond(page, refreshUrl, {
      status: 401,
      body: problemText(401, 'invalid_refresh_token'),
    })
    t.equal(await run(page, me), 401, `${storage}: sent without a token`)
    t.equal(await run(page, 'auth.user'), null)
    t.strictSame(await run(page, 'changes'), [
      [email, undefined],
      [null, 'invalid_refresh_token'],
    ])
    await context.close()
  }
})

t.test('a server that is away for ten minutes', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  const email = await signUp(page, 'ten-minutes@example.org')
  await page.clock.fastForward('20:00')
  await respond(page, refreshUrl, { status: 503, body: problemText(503, 'unavailable') })
  const calls = recordCalls(page, api)
  const codes = new Set<string>()
  for (let second = 0; second < 600; second += 2) {
    codes.add(await failure(page, me))
    await page.clock.fastForward(2000)
  }
  t.strictSame([...codes], ['unavailable'])
  t.match(await run(page, 'auth.user'), { email })
  t.ok(calls.length >= 20 && calls.length <= 60, `${calls.length} refreshes for 300 calls`)
  t.ok(
    calls.every((call) => call === 'POST /refresh'),
    'an expired token is not sent',
  )
  await page.unroute(refreshUrl)
  await page.clock.fastForward(31_000)
  t.equal(await run(page, me), 200, 'at most 30 s after the server is back')
  await context.close()
})

t.test('Retry-After is respected, in seconds and as a date', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  await signUp(page, 'retry-after@example.org')
  const calls = recordCalls(page, api)
  for (const [header, waits] of [
    [() => '100', true],
    [(now: number) => new Date(now + 100_000).toUTCString(), true],
    [() => 'soon', false],
    [() => '-5', false],
  ] as const) {
    await page.clock.fastForward('20:00')
    await page.unroute(refreshUrl)
    await run(page, me)
    await page.clock.fastForward('20:00')
    const body = problemText(429, 'rate_limited')
    const value = header(await run<number>(page, 'Date.now()'))
    await respond(page, refreshUrl, { status: 429, body, headers: { 'retry-after': value } })
    t.equal(await failure(page, me), 'rate_limited')
    await page.unroute(refreshUrl)
    await page.clock.fastForward(60_000)
    calls.splice(0)
    if (waits) {
      t.equal(await failure(page, me), 'rate_limited', `${value}: after 60 s still refused`)
      t.strictSame(calls, [], 'without a call')
      await page.clock.fastForward(60_000)
    }
    t.equal(await run(page, me), 200, `${value}: then it works`)
  }
  await context.close()
})

t.test('a 401 that new tokens do not mend', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  const email = await signUp(page, 'still-401@example.org')
  await respond(page, `${api}/claims`, { status: 401, body: problemText(401, 'invalid_token') })
  const claims = `auth.fetch('${api}/claims').then((reply) => reply.status)`
  await page.clock.fastForward(60_000)
  const calls = recordCalls(page, api)
  t.equal(await run(page, claims), 401)
  t.strictSame(calls.splice(0), ['GET /claims', 'POST /refresh', 'GET /claims'])
  t.equal(await run(page, claims), 401, 'again')
  t.strictSame(calls.splice(0), ['GET /claims'], 'new tokens were no help a moment ago')
  t.match(await run(page, 'auth.user'), { email })
  await page.clock.fastForward(60_000)
  await Promise.all(Array.from({ length: 10 }, async () => await run(page, claims)))
  t.equal(calls.filter((call) => call === 'POST /refresh').length, 1, 'one refresh for ten calls')
  await respond(page, refreshUrl, 'away')
  await page.clock.fastForward(60_000)
  t.equal(await failure(page, claims), 'network', 'without the server it is unknown who is in')
  t.match(await run(page, 'auth.user'), { email })
  await context.close()
})

t.test('a server that does not respond', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  const email = await signUp(page, 'slow@example.org')
  // The clock of the test does not reach these timers.
  await run(
    page,
    `{ const timeout = AbortSignal.timeout.bind(AbortSignal)
    AbortSignal.timeout = (ms) => timeout(ms / 100) }`,
  )
  await page.route(refreshUrl, () => {})
  await page.clock.fastForward('09:30')
  const calls = recordCalls(page, api)
  t.equal(await run(page, me), 200, 'a token that still works is used meanwhile')
  await page.waitForTimeout(300)
  await page.clock.fastForward('20:00')
  t.equal(await failure(page, me), 'network')
  t.equal(await failure(page, 'auth.token()'), 'network')
  t.match(await run(page, 'auth.user'), { email })
  await page.unroute(refreshUrl)
  await page.clock.fastForward('01:00')
  t.equal(await run(page, me), 200)
  t.strictSame(calls.filter((call) => call === 'POST /refresh').length, 3)
  await context.close()
})
