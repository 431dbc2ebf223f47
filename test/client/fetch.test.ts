import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
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
const app = pages.sites.originOf(hosts.app)
const foreign = pages.sites.originOf(hosts.foreign)

/** Runs `auth.fetch` in a page, and returns what arrived of the request. */
const corsHeaders = (origin: string) => ({
  'access-control-allow-origin': origin,
  'access-control-allow-credentials': 'true',
  'access-control-allow-headers': 'authorization, dpop, content-type',
})

t.test('the token goes only to the API and to the origins of the options', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    await signUp(page, `origins-${storage}@example.org`)
    const calls: string[] = []
    context.on('request', (request) => calls.push(request.url()))
    const url = new URL(api)
    for (const target of [
      foreign,
      `${foreign}/me`,
      '/me',
      'me',
      '',
      '//evil.other.test/me',
      `https://${url.hostname}/me`,
      `http://${url.host}/me`,
      `\\\\\\\\evil.other.test/me`,
      `${api.replace('id.', 'ID2.')}/me`,
      'data:text/plain,me',
      'blob:https://x/1',
      'javascript:1',
    ])
      t.equal(await failure(page, `auth.fetch('${target}')`), 'foreign_origin', target)
    for (const target of [`${api}.evil.other.test/me`, `https://${url.host}@evil.other.test/me`])
      t.equal(await failure(page, `auth.fetch('${target}')`), 'network', `${target}: no request`)
    t.equal(
      await failure(page, `auth.fetch(new Request('${foreign}/me'))`),
      'foreign_origin',
      'a Request',
    )
    t.equal(await failure(page, `auth.fetch(new URL('${foreign}/me'))`), 'foreign_origin', 'a URL')
    t.equal(
      await failure(page, `auth.fetch({ toString: () => '${foreign}/me', url: '${api}/me' })`),
      'foreign_origin',
      'an object that looks like both',
    )
    t.strictSame(calls, [], 'nothing is sent')
    for (const target of [`${api}/me`, `${api.toUpperCase().replace('HTTPS', 'https')}/me?x#y`])
      t.match(await run(page, `auth.fetch('${target}').then((r) => r.status)`), /200|400/, target)
    await context.close()
  }
})

t.test('origins that are named get the token', async (t) => {
  for (const storage of ['local', 'dpop'] as const) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage, `origins: ['${foreign}', location.origin]`)
    await signUp(page, `named-${storage}@example.org`)
    const seen: Array<Record<string, string>> = []
    for (const origin of [foreign, app])
      await context.route(`${origin}/things`, async (route) => {
        seen.push(await route.request().allHeaders())
        await route.fulfill({ status: 200, headers: corsHeaders(app), body: '[]' })
      })
    t.equal(await run(page, `auth.fetch('${foreign}/things').then((r) => r.status)`), 200)
    t.equal(await run(page, `auth.fetch('/things').then((r) => r.status)`), 200, 'of the page')
    t.equal(seen.length, 2)
    for (const { authorization = '', dpop } of seen) {
      t.match(authorization, storage === 'local' ? /^Bearer ey/ : /^DPoP ey/)
      t.equal(dpop !== undefined, storage === 'dpop')
    }
    await context.close()
  }
})

t.test('a redirect to another origin does not get the token', async (t) => {
  const seen: Array<string | undefined> = []
  const server = createServer((request, response) => {
    const { origin = '*', authorization } = request.headers
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader('access-control-allow-headers', 'authorization')
    if (request.method !== 'OPTIONS') seen.push(authorization)
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const context = await pages.newContext()
  const page = await pages.open(context, 'local')
  await signUp(page, 'redirect@example.org')
  await respond(page, `${api}/moved`, {
    status: 307,
    headers: { location: `http://localhost:${port}/` },
  })
  await run(page, `auth.fetch('${api}/moved').catch(() => {})`)
  t.notOk(
    seen.some((authorization) => authorization !== undefined),
    `${seen.length} requests`,
  )
  await context.close()
})

t.test('bodies that can be sent again, and those that cannot', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  await signUp(page, 'bodies@example.org')
  const bodies: Array<[string, number]> = [
    [`'text'`, 2],
    [`new Blob(['text'])`, 2],
    [`new TextEncoder().encode('text')`, 2],
    [`new URLSearchParams({ a: 'text' })`, 2],
    [`(() => { const form = new FormData(); form.set('a', 'text'); return form })()`, 2],
    [`new Blob(['text']).stream()`, 1],
  ]
  for (const [body, times] of bodies)
    for (const asRequest of times === 1 ? [false] : [false, true]) {
      await page.clock.fastForward('01:00')
      const sent: Array<string | null> = []
      await page.unroute(`${api}/things`)
      await page.route(`${api}/things`, async (route) => {
        sent.push(route.request().postData())
        const status = sent.length === 1 ? 401 : 200
        await route.fulfill({ status, headers: corsHeaders(app) })
      })
      const init = `{ method: 'POST', body: ${body}, duplex: 'half' }`
      const input = asRequest ? `new Request('${api}/things', ${init})` : `'${api}/things', ${init}`
      const status = await run(page, `auth.fetch(${input}).then((r) => r.status)`)
      t.equal(status, times === 1 ? 401 : 200, body)
      t.equal(sent.length, times, `${body}: sent ${times} times`)
      if (times === 2) t.equal(sent[0]?.length, sent[1]?.length, 'the same both times')
    }
  await page.clock.fastForward('20:00')
  const calls = recordCalls(page, api)
  await run(
    page,
    `auth.fetch('${api}/things', { method: 'POST', body: new Blob(['a']).stream(), duplex: 'half' }).then((r) => r.status)`,
  )
  t.strictSame(calls, ['POST /refresh', 'POST /things'], 'new tokens come first')
  await context.close()
})

t.test('an abort is the caller’s own error, and stops nobody else', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  await signUp(page, 'abort@example.org')
  await page.route(`${api}/slow`, () => {})
  const nameOf = (init: string) =>
    run(page, `auth.fetch('${api}/slow', ${init}).catch((error) => error.name ?? error)`)
  t.equal(await nameOf(`{ signal: AbortSignal.timeout(50) }`), 'TimeoutError')
  t.equal(await nameOf(`{ signal: AbortSignal.abort() }`), 'AbortError')
  t.equal(await nameOf(`{ signal: AbortSignal.abort('my reason') }`), 'my reason')
  await page.clock.fastForward('20:00')
  const both = `Promise.all([
    auth.fetch('${api}/me', { signal: AbortSignal.abort() }).catch((error) => error.name),
    auth.fetch('${api}/me').then((reply) => reply.status)])`
  t.strictSame(await run(page, both), ['AbortError', 200])
  await context.close()
})

t.test('a caller’s headers stay, but for the token', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'local')
  await signUp(page, 'headers@example.org')
  let seen: Record<string, string> = {}
  await page.route(`${api}/things`, async (route) => {
    seen = await route.request().allHeaders()
    await route.fulfill({ status: 200, headers: corsHeaders(app) })
  })
  for (const input of [
    `'${api}/things', { headers: { 'x-request-id': '7', Authorization: 'Basic x' } }`,
    `new Request('${api}/things', { headers: { 'x-request-id': '7', authorization: 'Basic x' } })`,
    `new Request('${api}/things'), { headers: [['x-request-id', '7']] }`,
  ]) {
    await run(page, `auth.fetch(${input}).then((r) => r.status)`)
    t.equal(seen['x-request-id'], '7')
    t.match(seen.authorization, /^Bearer ey/)
  }
  await context.close()
})

t.test('every method is proven with dpop, also with a new nonce', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await signUp(page, 'methods@example.org')
  const json = `headers: { 'content-type': 'application/json' }`
  for (const [input, status] of [
    [`'${api}/me?a=1#b'`, 400],
    [`'${api}/me', { method: 'head' }`, 200],
    [`'${api}/me', { method: 'PATCH', body: '{"name":"A"}', ${json} }`, 200],
    [`new Request('${api}/me', { method: 'PATCH', body: '{"name":"B"}', ${json} })`, 200],
    [`'${api}/me', { method: 'DELETE', body: '{"password":"wrong"}', ${json} }`, 403],
  ] as const)
    t.equal(await run(page, `auth.fetch(${input}).then((r) => r.status)`), status, input)
  pages.sites.built.time.now += 5 * 60_000
  const calls = recordCalls(page, api)
  const write = `'${api}/me', { method: 'PATCH', body: '{"name":"C"}', ${json} }`
  t.equal(await run(page, `auth.fetch(${write}).then((r) => r.status)`), 200, 'an old nonce')
  t.strictSame(calls, ['PATCH /me', 'PATCH /me'])
  await context.close()
})

t.test('a wrong password is sent once, also with an old nonce', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await signUp(page, 'once@example.org')
  await run(page, 'auth.logout()')
  const calls = recordCalls(page, api)
  const login = `auth.login({ email: 'once@example.org', password: 'not the password' })`
  t.equal(await failure(page, login), 'invalid_credentials')
  t.equal(calls.length, 1)
  pages.sites.built.time.now += 90_000
  t.equal(await failure(page, login), 'invalid_credentials', 'a nonce that is not the current one')
  t.equal(calls.length, 2)
  await context.close()
})

t.test('token() is for libraries that set the header themselves', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    await context.clock.install()
    const page = await pages.open(context, storage)
    t.equal(await run(page, 'auth.token()'), null, 'logged out')
    await signUp(page, `token-${storage}@example.org`)
    const first = await run(page, 'auth.token()')
    if (storage === 'cookie') t.equal(first, null, 'no script can read it')
    else t.match(first, /^ey/)
    await page.clock.fastForward('20:00')
    if (storage !== 'cookie') t.not(await run(page, 'auth.token()'), first, 'renewed')
    await context.close()
  }
})

t.test('an error has the code, the status, the problem and the wait', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'local')
  const described = async (promise: string) =>
    await run(
      page,
      `${promise}.catch(({ name, message, code, status, problem, retryAfter, cause }) =>
        ({ name, message, code, status, problem: problem && problem.code, retryAfter, cause: String(cause) }))`,
    )
  const weak = `auth.signup({ email: 'weak@example.org', password: 'password' })`
  t.match(await described(weak), {
    ...{ name: 'LatchkeyError', code: 'weak_password', status: 422, problem: 'weak_password' },
    message: /\w{5}/,
  })
  t.match(await run(page, `${weak}.catch(({ problem }) => problem)`), {
    reasons: ['too_guessable'],
  })
  const body = problemText(429, 'rate_limited')
  await respond(page, `${api}/login`, { status: 429, body, headers: { 'retry-after': '30' } })
  const login = `auth.login({ email: 'a@example.org', password: 'b' })`
  t.match(await described(login), { code: 'rate_limited', status: 429, retryAfter: 30 })
  await respond(page, `${api}/login`, 'away')
  t.match(await described(login), { code: 'network', status: 0, cause: /TypeError/ })
  await respond(page, `${api}/login`, { status: 200, body: '<h1>Welcome</h1>' })
  t.match(await described(login), { code: 'network', status: 200 })
  await respond(page, `${api}/login`, { status: 200, body: '{"ok":true}' })
  t.match(await described(login), { code: 'network', status: 200 })
  await context.close()
})
