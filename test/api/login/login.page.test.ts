import t from 'tap'
import { buildTestApp, goodPassword, outcome } from '../../helper.js'
import { everyRowIs, rowsOf, tableIs } from '../../support/table.js'

const host = 'http://localhost:3000'
const html = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
const pages = ['/login', '/signup', '/password/forgot']

/** The links of a page by their texts. */
function links(body: string): Record<string, string> {
  return Object.fromEntries(
    [...body.matchAll(/<a (?:data-go )?href="([^"]*)">([^<]*)</g)].map(([, url, text]) => [
      text,
      url,
    ]),
  )
}

t.test('each page is HTML that may run only its own content', async (t) => {
  const { call } = await buildTestApp(t, { env: { DOCS: 'off' } })
  for (const path of pages) {
    const reply = await call('GET', path, { headers: html })
    t.equal(reply.statusCode, 200)
    t.match(reply.headers, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      vary: /accept/,
    })
    t.match(
      reply.headers['content-security-policy'],
      /^default-src 'none';script-src 'sha256-[\w+/=]{44}';style-src 'sha256-[\w+/=]{44}';connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'$/,
    )
    t.equal(reply.headers['set-cookie'], undefined)
    t.match(reply.body, '<noscript><p>This page needs JavaScript.</p></noscript>')
    t.notMatch(reply.body, /https?:|\son\w+=|style=/)
    const head = await call('HEAD', path, { headers: html })
    t.strictSame([head.statusCode, head.body], [200, ''])
  }
})

t.test('a client of JSON finds no page', async (t) => {
  const { call } = await buildTestApp(t)
  const accepts = [undefined, '*/*', 'application/json', 'text/plain', 'application/json, */*', '']
  for (const path of ['/login', '/signup'])
    await everyRowIs(
      t,
      rowsOf(accepts),
      ['405 method_not_allowed', 'POST', 405],
      async (accept) => {
        const headers = accept === undefined ? {} : { accept }
        const reply = await call('GET', `${path}?return_to=//evil.example`, { headers })
        const head = await call('HEAD', path, { headers })
        return [outcome(reply), reply.headers.allow, head.statusCode]
      },
      path,
    )
  await tableIs(
    t,
    [
      ['none', undefined, '200'],
      ['any', '*/*', '200'],
      ['text', 'text/plain', '200'],
      ['JSON before others', 'application/json, text/plain, */*', '200'],
      ['JSON', 'application/json', '405 method_not_allowed'],
      ['JSON without HTML', 'application/json, text/html;q=0', '405 method_not_allowed'],
    ],
    async (accept: string | undefined) =>
      outcome(await call('GET', '/password/forgot', { headers: { ...(accept && { accept }) } })),
    '/password/forgot',
  )
})

t.test('return_to is checked when the page is opened, and kept by the links', async (t) => {
  const { call } = await buildTestApp(t, { env: { CORS_ORIGINS: 'https://spa.example.org' } })
  const open = async (url: string) => await call('GET', url, { headers: html })
  for (const path of pages)
    await everyRowIs(
      t,
      rowsOf(['//evil.example', 'https://evil.example', 'javascript:alert(1)', '', '/a&return_to']),
      [400, '<code>return_to</code>'],
      async (value) => {
        const { statusCode, body } = await open(`${path}?return_to=${value}`)
        return [statusCode, /<code>return_to<\/code>/.exec(body)?.[0]]
      },
      path,
    )
  const app = encodeURIComponent(`${host}/app?a=1&b="><script>`)
  const kept = `?return_to=${encodeURIComponent(`${host}/app?a=1&b=%22%3E%3Cscript%3E`)}`
  const target = `${host}/app?a=1&amp;b=%22%3E%3Cscript%3E`
  t.strictSame(links((await open(`/login?reason=x&return_to=${app}`)).body), {
    Continue: target,
    'Create an account': `signup${kept}`,
    'Choose a new password': `password/forgot${kept}`,
  })
  t.strictSame(links((await open(`/signup?return_to=${app}`)).body), {
    Continue: target,
    'Log in': `login${kept}`,
  })
  t.match(links((await open(`/password/forgot?return_to=${app}`)).body), {
    'Log in': `../login${kept}`,
  })
  t.equal(
    links((await open('/login?return_to=https://spa.example.org/a?b&c')).body).Continue,
    'https://spa.example.org/a?b&amp;c',
  )
  t.notMatch((await open(`/login?return_to=/a?%3C/script%3E<script>"`)).body, /<script>"|"<script/)
})

t.test('without return_to a link leads to the application elsewhere', async (t) => {
  const alone = await buildTestApp(t)
  t.notMatch((await alone.call('GET', '/login', { headers: html })).body, 'Go to the application')
  const { call } = await buildTestApp(t, { env: { APP_URL: 'https://app.example.com/a&b' } })
  const found = links((await call('GET', '/login', { headers: html })).body)
  t.equal(found['Go to the application'], 'https://app.example.com/a&amp;b')
})

t.test('the settings decide what the pages offer', async (t) => {
  const closed = await buildTestApp(t, { env: { SIGNUP_MODE: 'closed' } })
  const login = await closed.call('GET', '/login', { headers: html })
  t.notMatch(login.body, 'signup')
  const signup = await closed.call('GET', '/signup', { headers: html })
  t.equal(signup.statusCode, 200)
  t.match(signup.body, '<h1>Sign-up is closed</h1>')
  t.notMatch(signup.body, /<form|<noscript/)
  const strict = await buildTestApp(t, { env: { REQUIRE_VERIFIED_EMAIL: 'on' } })
  const { body } = await strict.call('GET', '/login', { headers: html })
  t.equal(links(body)['Ask for the mail to verify your address'], 'email/resend')
})

t.test('a reason is one of a list, and never shown as it is', async (t) => {
  const { call } = await buildTestApp(t)
  await tableIs(
    t,
    [
      ['a loop', 'reason=renewal_loop', true],
      ['a loop, after return_to', 'return_to=%2Fa&reason=renewal_loop', true],
      ['none', '', false],
      ['another', 'reason=canary<b>', false],
      ['a member of every object', 'reason=constructor', false],
    ],
    async (query) => {
      const { body } = await call('GET', `/login?${query}`, { headers: html })
      t.notMatch(body, /canary|native code/)
      return body.includes('<p role="alert">You are logged in, but the application does not see it')
    },
    'reasons',
  )
})

// Login CSRF: a person who does not notice whose account it is would fill it with their data.
t.test('a foreign page cannot log a person in to the account of an attacker', async (t) => {
  const { call, signup, app } = await buildTestApp(t)
  const email = 'attacker@example.org'
  await signup({ email })
  const body = { email, password: goodPassword, transport: 'cookie' }
  await everyRowIs(
    t,
    [
      ['fetch', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
      ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
      [
        'a sibling sub-domain',
        { origin: 'http://x.localhost:3000', 'sec-fetch-site': 'same-site' },
      ],
      ['no headers', {}],
    ] as const,
    [
      ['403 cross_site_request', undefined],
      ['403 cross_site_request', undefined],
    ],
    async (headers) => {
      const login = await call('POST', '/login', { body, headers })
      const sign = await call('POST', '/signup', { body: { ...body, email: 'b@c.org' }, headers })
      return [login, sign].map((reply) => [outcome(reply), reply.headers['set-cookie']])
    },
    'requests',
  )
  const form = await app.inject({
    method: 'POST',
    url: '/login',
    headers: { 'content-type': 'text/plain', origin: 'https://evil.example' },
    payload: JSON.stringify(body),
  })
  t.strictSame(
    [outcome(form), form.headers['set-cookie']],
    ['415 unsupported_media_type', undefined],
  )
})

t.test('a bad return_to is a page for a browser, with a link that works', async (t) => {
  const { call } = await buildTestApp(t, { env: { PUBLIC_URL: 'https://example.com/auth' } })
  const headers = { accept: 'text/html,*/*;q=0.8' }
  for (const path of ['/login', '/signup/', '/auth/password/forgot']) {
    const page = await call('GET', `${path}?return_to=//evil.example`, { headers })
    t.equal(page.statusCode, 400, path)
    t.match(page.headers, { 'content-type': 'text/html; charset=utf-8', vary: 'accept' })
    t.match(page.body, '<a href="https://example.com/auth/login">Log in</a>')
    t.notMatch(page.body, /evil|<script/)
  }
  const document = await call('GET', '/password/forgot?return_to=//evil.example')
  t.strictSame([document.statusCode, document.json().code], [400, 'invalid_request'])
})
