// A web application with HTML forms, and no script in the browser. It keeps no sessions: Latchkey
// logs people in, and this app verifies the access token in their cookie by itself.
import fastify from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { accountPage, formPage, messagePage } from './pages.mjs'

// Both are on one host. Cookies ignore ports, so this app gets the access cookie of Latchkey.
const { PORT = '4000', ORIGIN = `http://localhost:${PORT}` } = process.env
const { LATCHKEY_URL = 'http://localhost:3000' } = process.env // PUBLIC_URL of Latchkey

const cookieName = LATCHKEY_URL.startsWith('https:') ? '__Host-latchkey' : 'latchkey'
const keys = createRemoteJWKSet(new URL(`${LATCHKEY_URL}/.well-known/jwks.json`), {
  cacheMaxAge: 600_000,
})
const rules = {
  issuer: LATCHKEY_URL,
  audience: LATCHKEY_URL, // TOKEN_AUDIENCE
  typ: 'at+jwt',
  algorithms: ['ES256', 'EdDSA', 'RS256'],
  requiredClaims: ['exp', 'sub'],
}

const app = fastify()
app.addContentTypeParser(
  'application/x-www-form-urlencoded',
  { parseAs: 'string', bodyLimit: 16_384 },
  async (_request, body) => Object.fromEntries(new URLSearchParams(body)),
)

// The browser adds the cookies to forms of every page, also of other sites. This check is for
// every form, also for login and sign-up: a foreign page must not log a person in as another.
app.addHook('onRequest', async (request, reply) => {
  reply.headers({
    'content-type': 'text/html; charset=utf-8',
    // The back button must not show a page after the logout.
    'cache-control': 'no-store',
    // A form may end in a redirect to Latchkey, which renews the login.
    'content-security-policy': `default-src 'none'; frame-ancestors 'none'; form-action 'self' ${new URL(LATCHKEY_URL).origin}`,
  })
  if (!['GET', 'HEAD'].includes(request.method) && !isFromThisSite(request))
    return reply.code(403).send(messagePage('This form was sent by another site.'))
})

function isFromThisSite({ headers }) {
  const { origin = 'null', 'sec-fetch-site': site } = headers
  return origin === 'null' ? site === 'same-origin' || site === 'none' : origin === ORIGIN
}

// Pages that need a login.
app.register(async (members) => {
  members.decorateRequest('account', null)
  members.addHook('preHandler', async (request, reply) => {
    request.account = await verifyAny(readTokens(request))
    if (request.account === null) return renew(request, reply)
  })

  members.get('/', async (request, reply) => {
    const answer = await ask(request, 'GET', '/me')
    if (answer.status === 401) return renew(request, reply)
    if (answer.status !== 200 && answer.status !== 503) return await fail(reply, answer)
    // While Latchkey is away, the app still knows the account.
    const name = answer.data.name ?? request.account
    return accountPage({ name, account: request.account, typed: request.query.name })
  })

  members.post('/name', async (request, reply) => {
    const answer = await ask(request, 'PATCH', '/me', { name: request.body?.name || null })
    if (answer.status === 401) return renew(request, reply)
    return answer.status === 200 ? reply.redirect('/', 303) : await fail(reply, answer)
  })
})

/**
 * Sends the browser to Latchkey, which sets fresh cookies and sends it back, or sends it to
 * SIGN_IN_URL, which is /login of this app. A form that was sent too late comes back with its
 * text.
 */
function renew(request, reply) {
  const isPage = request.method === 'GET'
  const address = isPage ? request.url : `/?${new URLSearchParams(request.body ?? {})}`
  return reply.redirect(`${LATCHKEY_URL}/refresh?return_to=${ORIGIN}${address}`, 303)
}

app.get('/login', async ({ query }) => formPage('login', { returnTo: query.return_to }))
app.get('/signup', async ({ query }) => formPage('signup', { returnTo: query.return_to }))

app.post('/login', async (request, reply) => await enter(request, reply, 'login'))
app.post('/signup', async (request, reply) => await enter(request, reply, 'signup'))

async function enter(request, reply, kind) {
  const { email = '', password = '', name, return_to: returnTo } = request.body ?? {}
  const answer = await ask(request, 'POST', `/${kind}`, {
    email,
    password,
    ...(kind === 'signup' && { name: name || null }),
    transport: 'cookie',
  })
  passCookies(answer, reply)
  if (answer.status === 202) return messagePage('Open the link in the mail to create your account.')
  if (answer.status < 300) return reply.redirect(safePage(returnTo), 303)
  return reply
    .code(answer.status)
    .send(formPage(kind, { returnTo, email, name, error: textOf(answer) }))
}

app.post('/logout', async (request, reply) => {
  const answer = await ask(request, 'POST', '/logout')
  passCookies(answer, reply)
  return answer.status === 204 ? reply.redirect('/login', 303) : await fail(reply, answer)
})

/**
 * Asks Latchkey on behalf of the browser: with its cookies (also the one of a known device),
 * its address for the limits, and the origin of this app, which CORS_ORIGINS allows.
 */
async function ask(request, method, path, body) {
  const headers = { origin: ORIGIN, 'x-forwarded-for': request.ip }
  if (request.headers.cookie !== undefined) headers.cookie = request.headers.cookie
  if (body !== undefined) headers['content-type'] = 'application/json'
  try {
    const reply = await fetch(LATCHKEY_URL + path, {
      method,
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    })
    const text = await reply.text()
    return { status: reply.status, headers: reply.headers, data: text ? JSON.parse(text) : {} }
  } catch (error) {
    request.log.error(error)
    return { status: 503, headers: new Headers(), data: {} }
  }
}

function passCookies({ headers }, reply) {
  for (const cookie of headers.getSetCookie()) reply.header('set-cookie', cookie)
}

/** Returns what the person should read about a refusal (RFC 9457). */
function textOf({ status, headers, data }) {
  const wait = headers.get('retry-after')
  if (status === 429) return `Too many attempts. Try again in ${wait} seconds.`
  if (status === 503) return 'The login does not work at the moment. Try again soon.'
  if (data.code === 'invalid_credentials') return 'The e-mail address or the password is wrong.'
  const details = (data.errors ?? []).map(({ pointer, detail }) => `${pointer.slice(1)} ${detail}.`)
  return details.join(' ') || data.detail || data.title
}

async function fail(reply, answer) {
  return await reply.code(answer.status).send(messagePage(textOf(answer)))
}

/**
 * Returns the tokens in the access cookies. Another sub-domain may have added bad ones. Not
 * with `trim()`: it removes characters that hide the prefix of a name from the browser.
 */
function readTokens({ headers }) {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.replace(/^ +/, '').split('='))
  return pairs.flatMap(([name, value = '']) => (name === cookieName ? [value] : [])).slice(0, 8)
}

/** Returns the id of the account, or null. Throws if the keys cannot be fetched. */
async function verifyAny(tokens) {
  for (const token of tokens) {
    try {
      const { payload } = await jwtVerify(token, keys, rules)
      const { sub, cnf, client_id: client = 'latchkey' } = payload
      // A token that is bound to a key (DPoP) is not for cookies, and a program is no account.
      if (cnf === undefined && client === 'latchkey') return sub
    } catch (error) {
      if (!/^ERR_(JW[ST]_|JWKS_(NO|MULTIPLE)_|JOSE_(ALG|NOT)_)/.test(error.code)) throw error
    }
  }
  return null
}

/** Returns the address to go to after the login: a page of this app, never of another site. */
function safePage(address = '/') {
  const url = URL.canParse(address, ORIGIN) ? new URL(address, ORIGIN) : null
  return url?.origin === ORIGIN ? url.href : '/'
}

app.setErrorHandler(async (error, request, reply) => {
  request.log.error(error)
  const code = error.statusCode ?? 503
  return await reply.code(code).send(messagePage('That did not work. Try again soon.'))
})

await app.listen({ port: Number(PORT) })
console.log(`The app serves ${ORIGIN}`)
