import t from 'tap'
import {
  failure,
  makeClient,
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
const me = `auth.fetch('${api}/me').then((reply) => reply.status)`

t.test('hundreds of calls, by several clients of one page', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    await context.clock.install()
    const page = await pages.open(context, storage)
    const errors: string[] = []
    page.on('pageerror', ({ message }) => errors.push(message))
    const email = await signUp(page, `crowd-${storage}@example.org`)
    const clients = storage === 'memory' ? 1 : 3
    await run(
      page,
      `window.clients = [auth, ...Array.from({ length: ${clients - 1} }, () =>
        latchkey.createLatchkey({ url: '${api}', storage: '${storage}' }))]
      Promise.all(clients.map(({ ready }) => ready)).then(() => {})`,
    )
    const calls = recordCalls(page, api)
    const refreshes = () => calls.filter((call) => call === 'POST /refresh').length
    const all = `Promise.all(clients.flatMap((auth) => Array.from({ length: 50 }, () =>
      ${me}.catch(({ code }) => code)))).then((all) => [...new Set(all)])`

    const pass = async () => {
      pages.sites.built.time.now += 20 * 60_000
      await page.clock.fastForward('20:00')
    }
    await pass()
    const body = problemText(429, 'rate_limited')
    await respond(page, `${api}/refresh`, { status: 429, body, headers: { 'retry-after': '60' } })
    const waits = setInterval(() => {
      page.clock.fastForward(500).catch(() => {})
    }, 100)
    t.strictSame(await run(page, all), ['rate_limited'], storage)
    t.strictSame(await run(page, all), ['rate_limited'], `${storage}: again`)
    clearInterval(waits)
    t.ok(refreshes() <= clients, `${refreshes()} refreshes that are refused`)
    t.match(await run(page, 'auth.user'), { email })

    await page.unroute(`${api}/refresh`)
    await pass()
    calls.splice(0)
    t.strictSame(await run(page, all), [200], `${storage}: afterwards`)
    // With the nonce that DPoP asks for, one more.
    t.ok(refreshes() <= clients + 1, `${refreshes()} refreshes`)
    t.strictSame(errors, [])
    await context.close()
  }
})

t.test('a deletion of one account does not log out the next', async (t) => {
  for (const call of [`auth.deleteUser({ password: 'x' })`, 'auth.logoutEverywhere()']) {
    const context = await pages.newContext()
    const page = await pages.open(context, 'local')
    const other = await pages.open(context, 'local')
    await run(other, 'auth.ready')
    await signUp(page, `deleted-${call.length}@example.org`)
    const next = `next-${call.length}@example.org`
    await page.route(/\/(me\/delete|logout\/everywhere)$/, async (route) => {
      await signUp(other, next)
      await page.waitForFunction(`auth.user?.email === '${next}'`)
      await route.fulfill({
        status: 204,
        headers: {
          'access-control-allow-origin': pages.sites.originOf(hosts.app),
          'access-control-allow-credentials': 'true',
        },
      })
    })
    t.equal(await failure(page, call), 'no error')
    for (const tab of [page, other]) t.match(await run(tab, 'auth.user'), { email: next }, call)
    t.equal(await run(other, me), 200)
    await context.close()
  }
})

t.test('a link that has verified an address counts, also if the user cannot be read', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'local')
  const email = await signUp(page, 'verified@example.org')
  const body = JSON.stringify({ email_verified: true })
  await respond(page, `${api}/email/verify`, { status: 200, body })
  await respond(page, `${api}/me`, 'away')
  t.match(await run(page, `auth.verifyEmail('token')`), { email })
  await context.close()
})

t.test('a page that is left in the middle of everything', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    await context.clock.install()
    const page = await pages.open(context, storage)
    const errors: string[] = []
    page.on('pageerror', ({ message }) => errors.push(message))
    await page.addInitScript(
      `addEventListener('unhandledrejection', ({ reason }) => { throw new Error('unhandled ' + reason) })`,
    )
    const email = await signUp(page, `middle-${storage}@example.org`)
    for (let round = 0; round < 2; round += 1) {
      await page.clock.fastForward('20:00')
      await Promise.all([
        page.waitForNavigation(),
        run(page, `${me}.catch(() => {}), auth.token().catch(() => {}), location.reload()`).catch(
          () => {},
        ),
      ])
      await makeClient(page, api, storage)
      await run(page, 'auth.ready')
      if (storage !== 'memory') t.match(await run(page, 'auth.user'), { email }, storage)
    }
    if (storage !== 'memory') t.equal(await run(page, me), 200, storage)
    t.strictSame(errors, [])
    await context.close()
  }
})
