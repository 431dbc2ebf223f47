import t from 'tap'
import { goodPassword } from '../helper.js'
import {
  makeClient,
  problemText,
  respond,
  run,
  signUp,
  startClientPages,
} from '../support/client-page.js'
import { hosts } from '../support/sites.js'

const pages = await startClientPages(t, { env: { RATE_LIMITS: 'off' } })
const api = pages.sites.originOf(hosts.id)
const me = `auth.fetch('${api}/me').then((reply) => reply.status)`
const login = (email: string) => `auth.login(${JSON.stringify({ email, password: goodPassword })})`

t.test('onchange tells of changes of the user, and of nothing else', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  const email = await signUp(page, 'changes@example.org')
  await run(page, 'window.before = auth.user, undefined')
  await page.clock.fastForward('20:00')
  await run(page, me)
  await run(
    page,
    `dispatchEvent(new Event('focus')), document.dispatchEvent(new Event('visibilitychange'))`,
  )
  await run(page, me)
  t.strictSame(await run(page, 'changes'), [[email, undefined]], 'not for new tokens or a focus')
  t.equal(await run(page, 'auth.user === before'), true, 'the same object')
  await run(page, `auth.updateUser({ name: 'Ada' })`)
  await run(page, 'auth.logout()')
  t.strictSame(await run(page, 'changes.length'), 3)
  await context.close()
})

t.test('immediate calls the listener once the user is known', async (t) => {
  const context = await pages.newContext()
  const first = await pages.open(context, 'local')
  const email = await signUp(first, 'immediate@example.org')
  const page = await pages.open(context, 'local')
  const seen = `window.seen = []; auth.onchange((user) => seen.push(user && user.email), { immediate: true }); `
  await run(
    page,
    `${seen} auth.ready.then(() => new Promise((resolve) => setTimeout(resolve, 50)))`,
  )
  t.strictSame(await run(page, 'seen'), [email], 'not null first, and once')
  await run(page, `${seen} new Promise((resolve) => setTimeout(resolve, 50))`)
  t.strictSame(await run(page, 'seen'), [email], 'also when it is known already')

  const empty = await pages.open(await pages.newContext(), 'cookie')
  await run(
    empty,
    `${seen} auth.ready.then(() => new Promise((resolve) => setTimeout(resolve, 50)))`,
  )
  t.strictSame(await run(empty, 'seen'), [null], 'null is told as well')
  await empty.context().close()
  await context.close()
})

t.test('a listener that was added twice and removed once, as by React', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'local')
  await run(
    page,
    `window.heard = []
    const listener = (user) => heard.push(user && user.email)
    auth.onchange(listener, { immediate: true })()
    window.off = auth.onchange(listener, { immediate: true })
    auth.ready`,
  )
  await signUp(page, 'twice@example.org')
  t.strictSame(await run(page, 'heard'), [null, 'twice@example.org'])
  await run(page, 'off(), off(), auth.logout()')
  t.strictSame(await run(page, 'heard.length'), 2, 'removed')
  await context.close()
})

t.test('the client can be used inside a listener', async (t) => {
  for (const storage of ['local', 'cookie', 'dpop'] as const) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const email = `inside-${storage}@example.org`
    await run(
      page,
      `window.inside = []
      auth.onchange(async (user) => {
        await auth.ready
        if (user === null) return inside.push('out')
        inside.push(await ${me}, await auth.token().then(() => 'token'))
        if (user.name === null) await auth.updateUser({ name: 'Ada' })
        else await auth.logout()
      }), undefined`,
    )
    await signUp(page, email)
    await page.waitForFunction(`inside.includes('out')`)
    t.strictSame(await run(page, 'inside'), [200, 'token', 200, 'token', 'out'], storage)
    t.match(await run(page, login(email)), { email }, 'it still works')
    await context.close()
  }
})

t.test('a listener that throws harms no other, and no call', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'local')
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  await run(
    page,
    `window.others = []
    auth.onchange(() => { throw new Error('of the listener') })
    auth.onchange((user) => others.push(user && user.email))
    undefined`,
  )
  await signUp(page, 'throws@example.org')
  t.strictSame(await run(page, 'others'), ['throws@example.org'])
  t.strictSame(errors, ['of the listener'], 'reported')
  await context.close()
})

t.test('ready waits for the server at most 2 seconds, with cookies alone', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'cookie')
  const email = await signUp(page, 'ready@example.org')
  await page.reload()
  let go = () => {}
  await page.route(`${api}/refresh`, async (route) => {
    await new Promise<void>((resolve) => {
      go = resolve
    })
    await route.continue()
  })
  await makeClient(page, api, 'cookie')
  const waited = await run<number>(
    page,
    `{ const start = performance.now(); auth.ready.then(() => performance.now() - start) }`,
  )
  t.ok(waited >= 1900, `${waited} ms`)
  t.equal(await run(page, 'auth.user'), null, 'not known yet')
  const reply = run(page, me)
  go()
  t.equal(await reply, 200, 'a call waits for the answer')
  t.strictSame(await run(page, 'changes'), [[email, undefined]], 'a listener is told')

  await page.reload()
  await page.unroute(`${api}/refresh`)
  await respond(page, `${api}/refresh`, { status: 503, body: problemText(503, 'unavailable') })
  await makeClient(page, api, 'cookie')
  await run(page, 'auth.ready')
  t.equal(await run(page, `failed(${me})`), 'unavailable', 'nobody knows who is logged in')
  await page.unroute(`${api}/refresh`)
  await run(page, `dispatchEvent(new Event('online'))`)
  await page.waitForFunction('auth.user !== null')
  t.equal(await run(page, me), 200)
  await context.close()
})

t.test('without the network, a stored login is there', async (t) => {
  for (const storage of ['local', 'dpop'] as const) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const email = await signUp(page, `start-${storage}@example.org`)
    await page.reload()
    for (const path of ['refresh', 'me']) await respond(page, `${api}/${path}`, 'away')
    await makeClient(page, api, storage)
    await run(page, 'auth.ready')
    t.match(await run(page, 'auth.user'), { email }, storage)
    t.equal(await run(page, `failed(${me})`), 'network')
    t.match(await run(page, 'auth.user'), { email })
    for (const path of ['refresh', 'me']) await page.unroute(`${api}/${path}`)
    await run(page, `dispatchEvent(new Event('online'))`)
    t.equal(await run(page, me), 200, 'back online')
    await context.close()
  }
})
