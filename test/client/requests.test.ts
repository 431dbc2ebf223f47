import t from 'tap'
import {
  failure,
  makeClient,
  run,
  signUp,
  startClientPages,
  storages,
} from '../support/client-page.js'
import { hosts } from '../support/sites.js'

const pages = await startClientPages(t, { env: { RATE_LIMITS: 'off' } })
const api = pages.sites.originOf(hosts.id)
const app = pages.sites.originOf(hosts.app)
const foreign = pages.sites.originOf(hosts.foreign)

t.test('a request is what it was when it was called, as with fetch', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'local', 'origins: [location.origin]')
  await signUp(page, 'snapshot@example.org')
  const seen: string[] = []
  for (const origin of [app, foreign])
    await context.route(`${origin}/things*`, async (route) => {
      const request = route.request()
      seen.push(`${request.method()} ${request.url()} ${await request.headerValue('x-id')}`)
      await route.fulfill({ status: 200, body: '[]' })
    })
  await run(
    page,
    `{ const url = new URL('/things?page=1', location), headers = new Headers({ 'x-id': 1 })
    const init = { headers, method: 'GET' }
    const calls = [auth.fetch(url, init)]
    url.searchParams.set('page', 2)
    headers.set('x-id', 2)
    calls.push(auth.fetch(url, init))
    url.href = '${foreign}/things'
    init.method = 'DELETE'
    headers.set('x-id', 3)
    Promise.all(calls).then(() => {}) }`,
  )
  t.strictSame(seen.sort(), [`GET ${app}/things?page=1 1`, `GET ${app}/things?page=2 2`])
  await context.close()
})

t.test('requests that hide their URL', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage, 'origins: [location.origin]')
    await signUp(page, `hidden-${storage}@example.org`)
    const calls: string[] = []
    await context.route(`${foreign}/**`, async (route) => {
      calls.push(route.request().url())
      await route.fulfill({ status: 200 })
    })
    await run(page, `document.body.append(document.createElement('iframe'))`)
    for (const input of [
      `new frames[0].Request('${foreign}/me')`,
      `new (class extends Request { get url() { return '${api}/me' } })('${foreign}/me')`,
      `Object.defineProperty(new Request('${foreign}/me'), 'url', { value: '${api}/me' })`,
      `{ times: 0, toString() { return (this.times += 1) > 2 ? '${foreign}/me' : '${api}/me' } }`,
    ]) {
      await run(page, `auth.fetch(${input}).catch(() => {}).then(() => {})`)
      t.strictSame(calls.splice(0), [], `${storage}: ${input}`)
    }
    t.equal(
      await run(page, `auth.fetch(new frames[0].Request('${api}/me')).then((r) => r.status)`),
      200,
      'a request of another frame',
    )
    await context.close()
  }
})

t.test('a request that cannot be made is refused with the client’s error', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'local')
  await signUp(page, 'unmade@example.org')
  for (const args of [
    `'https://['`,
    `'${api}/me', { method: 'GET', body: 'text' }`,
    `'${api}/me', { headers: { 'bad name': '1' } }`,
    `(() => { const used = new Request('${api}/me', { method: 'POST', body: 'a' }); used.text(); return used })()`,
  ])
    t.match(await failure(page, `auth.fetch(${args})`), /network|foreign_origin/, args)
  await context.close()
})

t.test('an abort is heard while new tokens are fetched', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  await signUp(page, 'impatient@example.org')
  await page.route(`${api}/refresh`, () => {})
  await page.clock.fastForward('20:00')
  const waits = `{ const start = performance.now()
    auth.fetch('${api}/me', { signal: AbortSignal.timeout(100) })
      .catch(({ name }) => [name, performance.now() - start < 3000]) }`
  t.strictSame(await run(page, waits), ['TimeoutError', true])
  t.strictSame(errors, [])
  await context.close()
})

t.test('every call ends, also if the server never responds', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await signUp(page, 'endless@example.org')
  await run(
    page,
    `{ const timeout = AbortSignal.timeout.bind(AbortSignal)
    AbortSignal.timeout = (ms) => timeout(ms / 100) }`,
  )
  await page.route(/\/(me|me\/delete|logout\/everywhere|password\/change)$/, () => {})
  for (const promise of [
    'auth.reloadUser()',
    `auth.updateUser({ name: 'a' })`,
    `auth.deleteUser({ password: 'a' })`,
    'auth.logoutEverywhere()',
    `auth.changePassword({ current_password: 'a', new_password: 'b' })`,
  ]) {
    const code = await failure(
      page,
      `Promise.race([${promise}, new Promise((resolve) => setTimeout(resolve, 3000))])`,
    )
    t.equal(code, 'network', promise)
  }
  t.not(await run(page, 'auth.user'), null)
  await context.close()
})

t.test('a worker, with a path as the url', async (t) => {
  const context = await pages.newContext()
  const page = await pages.sites.open(context, hosts.app)
  await context.route(`${app}/worker.js`, async (route) => {
    await route.fulfill({
      contentType: 'text/javascript',
      body: `${await (await import('../support/client-page.js')).bundleClient()}
        onmessage = async () => {
          const auth = latchkey.createLatchkey({ url: '/auth/', storage: 'cookie' })
          await auth.ready
          const reply = await auth.fetch('/auth/me').catch((error) => ({ status: error.code }))
          const foreign = await auth.fetch('${foreign}/me').catch(({ code }) => code)
          postMessage([auth.user && auth.user.id, reply.status, foreign])
        }`,
    })
  })
  const calls: string[] = []
  await context.route(`${app}/auth/**`, async (route) => {
    calls.push(`${route.request().method()} ${new URL(route.request().url()).pathname}`)
    await route.fulfill({ status: 200, body: '{"expires_in":600,"user":{"id":"1"}}' })
  })
  t.strictSame(
    await run(
      page,
      `new Promise((resolve) => {
        const worker = new Worker('/worker.js')
        worker.onmessage = ({ data }) => resolve(data)
        worker.onerror = ({ message }) => resolve(message)
        worker.postMessage('go')
      })`,
    ),
    ['1', 200, 'foreign_origin'],
  )
  t.strictSame(calls, ['POST /auth/refresh', 'GET /auth/me'])
  await context.close()
})

t.test('a frame that has no storage at all', async (t) => {
  const context = await pages.newContext()
  const page = await pages.sites.open(context, hosts.app)
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  await run(
    page,
    `new Promise((resolve) => {
      const frame = document.createElement('iframe')
      frame.sandbox = 'allow-scripts'
      frame.onload = resolve
      frame.src = '/frame'
      document.body.append(frame)
    }).then(() => {})`,
  )
  const frame = page.frames()[1]
  if (!frame) throw new Error('no frame')
  for (const storage of storages) {
    await makeClient(frame as never, api, storage)
    t.equal(await frame.evaluate('auth.ready.then(() => auth.user)'), null, storage)
    const login = `failed(auth.login({ email: 'a@example.org', password: 'b' }))`
    const code = storage === 'dpop' ? 'storage_unavailable' : 'network'
    t.equal(await frame.evaluate(login), code, storage)
    const logout = storage === 'cookie' ? 'network' : 'no error'
    t.equal(await frame.evaluate('failed(auth.logout())'), logout)
  }
  t.strictSame(errors, [])
  await context.close()
})
