import t, { type Test } from 'tap'
import { limits } from '../../src/limits/table.js'
import { buildTestApp, goodPassword, jsonType, type TestOptions } from '../helper.js'
import { openPage } from '../support/browser.js'
import { freePort } from '../support/cluster.js'
import { proxyKinds, type ProxyKind, startPrefixProxy } from '../support/prefix-proxy.js'

const next = 'seven-green-kettles-whistle'
const origin = 'https://app.example.com'

/** The application under `/auth`, behind a proxy. */
async function setUp(t: Test, kind: ProxyKind, options: TestOptions = {}) {
  const port = await freePort()
  const host = `http://127.0.0.1:${port}`
  const base = `${host}/auth`
  const env = { PUBLIC_URL: base, METRICS: 'on', CORS_ORIGINS: origin, ...options.env }
  const test = await buildTestApp(t, { ...options, env })
  const direct = await test.app.listen({ host: '127.0.0.1', port: 0 })
  await startPrefixProxy(t, { kind, port, target: direct })
  const get = async (url: string, headers = {}) => await fetch(url, { headers, redirect: 'manual' })
  const post = async (path: string, body: unknown, headers = {}) =>
    await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { ...jsonType, ...headers },
      body: JSON.stringify(body),
    })
  return { ...test, host, base, direct, get, post }
}

for (const kind of proxyKinds)
  t.test(`a proxy that ${kind}`, async (t) => {
    await t.test('the index and its redirect', async (t) => {
      const { base, host, get } = await setUp(t, kind)
      for (const url of [base, `${base}/`, `${base}?x`, `${base}//`, `${host}//auth`]) {
        const index = (await (await get(url)).json()) as Record<string, string>
        const { name, ...paths } = index
        t.equal(name, 'Latchkey', url)
        t.equal(Object.keys(paths).length, 6)
        for (const path of Object.values(paths)) {
          const { status } = await get(new URL(path, url).href)
          t.ok([200, 405].includes(status), `${path} of ${url} is there`)
        }
        const page = await get(url, { accept: 'text/html' })
        t.strictSame([page.status, page.headers.get('location')], [302, '/auth/docs'], url)
      }
      const former = await get(`${base}/docs/static/index.html`)
      t.strictSame([former.status, former.headers.get('location')], [302, '/auth/docs'])
    })

    await t.test('a new account: Location, cookie, token, problem', async (t) => {
      const { base, host, get, post } = await setUp(t, kind)
      const person = { email: 'ada@example.org', password: goodPassword }
      const created = await post('/signup', person)
      const { access_token: token } = (await created.json()) as { access_token: string }
      t.equal(created.status, 201)
      t.equal(created.headers.get('location'), '/auth/me')
      const authorization = `Bearer ${token}`
      t.equal((await get(`${host}/auth/me`, { authorization })).status, 200)
      const cookie = String(created.headers.get('set-cookie'))
      t.match(cookie, /^latchkey-device=[^;]+;.* Path=\/auth;/, 'the cookie has the path')
      t.equal((await post('/login', person, { cookie: cookie.split(';')[0] })).status, 200)

      const refused = await post('/login', { ...person, password: 'wrong' })
      const problem = (await refused.json()) as { type: string }
      t.equal(problem.type, `${base}/problems/invalid_credentials`)
      t.match(await (await get(problem.type)).text(), 'E-mail or password is wrong')
      const unknown = await get(`${base}/nope`)
      t.match(await unknown.json(), { status: 404, type: `${base}/problems/not_found` })
      const other = await fetch(`${base}/me`, { method: 'PUT' })
      t.strictSame([other.status, other.headers.get('allow')], [405, 'DELETE, GET, HEAD, PATCH'])
    })

    await t.test('the contract, the keys and the metadata', async (t) => {
      const { base, host, get } = await setUp(t, kind)
      const contract = (await (await get(`${base}/openapi.json`)).json()) as {
        servers: Array<{ url: string }>
      }
      t.strictSame(
        contract.servers.map(({ url }) => new URL(url, `${base}/openapi.json`).href),
        [base],
      )
      for (const name of ['oauth-authorization-server', 'openid-configuration'])
        for (const url of [
          `${base}/.well-known/${name}`,
          // RFC 8414 §3: the well-known segment comes before the path of the issuer.
          `${host}/.well-known/${name}/auth`,
          `${host}/.well-known/${name}/%61uth`,
        ]) {
          const metadata = (await (await get(url)).json()) as { issuer: string; jwks_uri: string }
          t.equal(metadata.issuer, base, url)
          const jwks = (await (await get(metadata.jwks_uri)).json()) as { keys: unknown[] }
          t.equal(jwks.keys.length, 1)
        }
    })

    await t.test('every spelling leads to the guard, then to the route', async (t) => {
      const { base, host, get, post } = await setUp(t, kind)
      const created = await post('/signup', { email: 'ada@example.org', password: goodPassword })
      const { access_token: token } = (await created.json()) as { access_token: string }
      const spellings = ['/auth/me', '/auth/me/', '/auth//me', '//auth/me', '/%61uth/me']
      for (const path of [...spellings, '/auth/%6de', '/AUTH/ME', '/auth/me?', '/auth/me#x']) {
        t.equal((await get(`${host}${path}`)).status, 401, path)
        const { status } = await get(`${host}${path}`, { authorization: `Bearer ${token}` })
        t.equal(status, 200, path)
      }
      for (const path of ['/auth/x/me', '/auth/%2Fme', '/auth/..%2Fme', '/auth/.well-known'])
        t.equal((await get(`${host}${path}`)).status, 404, path)
      t.equal((await get(`${base}/%E0%A4%A`)).status, 400)
      for (const path of ['/authx/me', '/xauth/me', '/auth%2Fme'])
        t.equal(await (await get(`${host}${path}`)).text(), 'another service')
    })

    await t.test('a preflight of CORS', async (t) => {
      const { base } = await setUp(t, kind)
      const reply = await fetch(`${base}/me`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'DELETE' },
      })
      t.strictSame([reply.status, reply.headers.get('access-control-allow-origin')], [204, origin])
    })

    await t.test('limits, metrics and the log know one route', async (t) => {
      const { base, direct, get, log, signup } = await setUp(t, kind)
      const { access_token: token } = await signup()
      const rename = async (url: string) =>
        await fetch(url, {
          method: 'PATCH',
          headers: { ...jsonType, authorization: `Bearer ${token}` },
          body: '{"name":"Ada"}',
        })
      const urls = [`${base}/me`, `${direct}/me`, `${direct}/auth/me`, `${direct}//auth//me/`]
      const statuses: number[] = []
      for (let call = 0; call < limits.account.calls; call++)
        statuses.push((await rename(urls[call % urls.length] as string)).status)
      t.strictSame([...new Set(statuses)], [200])
      for (const url of urls) t.equal((await rename(url)).status, 429, url)

      const metrics = await (await get(`${direct}/metrics`)).text()
      t.match(metrics, 'latchkey_http_requests_total{method="PATCH",route="/me",status="200"} 60')
      t.notMatch(metrics, 'auth')
      const routes = log()
        .filter(({ msg }) => msg === 'request')
        .map(({ method, route }) => `${String(method)} ${String(route)}`)
      t.strictSame([...new Set(routes)].sort(), ['PATCH /me', 'POST /signup'])
    })

    await t.test('the documentation, in a browser', async (t) => {
      const { base, time } = await setUp(t, kind)
      time.now = Date.now()
      const { page, complaints } = await openPage(t)
      const outside: string[] = []
      page.on('request', (request) => {
        const url = request.url()
        if (!url.startsWith(base) && !url.startsWith('data:')) outside.push(url)
      })
      await page.goto(base)
      t.equal(page.url(), `${base}/docs`)
      const operation = '#operations-Account-signup'
      await page.click(`${operation} .opblock-summary-control`)
      const answered = page.waitForResponse(`${base}/signup`)
      await page.click(`${operation} .execute`)
      t.equal((await answered).status(), 201)
      await page.goto(`${base}/docs/`)
      await page.locator(operation).waitFor()
      t.strictSame({ outside, complaints }, { outside: [], complaints: [] })
    })

    await t.test('the page of a link, in a browser', async (t) => {
      const { base, host, post, signup, nextMail, time } = await setUp(t, kind)
      time.now = Date.now()
      const { user } = await signup()
      await post('/password/forgot', { email: user.email })
      const [link = ''] = /http\S+/.exec((await nextMail(user.email, 'Reset')).text) ?? []
      t.ok(link.startsWith(`${base}/password/reset#token=eyJ`))
      const { page, complaints } = await openPage(t)
      const asked: string[] = []
      page.on('request', (request) => {
        if (request.method() === 'POST') asked.push(request.url())
      })
      const spellings = [
        '/%61uth/password/rese%74',
        '//auth//password/reset/',
        '/auth/password/reset',
      ]
      for (const path of spellings) {
        await page.goto(link.replace('/auth/password/reset', path))
        await page.getByLabel('New password').fill(path === spellings.at(-1) ? next : 'password1')
        await page.getByRole('button').click()
        await page
          .getByRole('status')
          .filter({ hasText: path === spellings.at(-1) ? 'has been changed' : /common/ })
          .waitFor()
        await page.goto('about:blank')
      }
      t.strictSame(asked, [
        `${host}/%61uth/password/reset`,
        `${host}/auth/password/reset`,
        `${host}/auth/password/reset`,
      ])
      t.equal((await post('/login', { email: user.email, password: next })).status, 200)
      t.strictSame(
        complaints.filter((line) => !/status of 422/.test(line)),
        [],
      )
    })
  })
