import t from 'tap'
import { Problem } from '../../../src/errors.js'
import { buildTestApp, goodPassword, onEachDatabase, problem, type TestApp } from '../../helper.js'
import {
  cookieOf,
  from,
  type Jar,
  keep,
  setCookies,
  signupByCookie,
} from '../../support/cookie-client.js'

const own = from('http://localhost:3000')
const cleared = [
  'latchkey=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax',
  'latchkey-refresh=; Max-Age=0; Path=/refresh; HttpOnly; SameSite=Lax',
]
const day = 86_400_000

/** Returns whether the login of a jar can still be refreshed. */
async function isAlive({ call }: TestApp, jar: Jar): Promise<boolean> {
  const headers = { cookie: cookieOf(jar), ...own }
  return (await call('POST', '/refresh', { headers })).statusCode === 200
}

async function login({ call }: TestApp): Promise<Jar> {
  const reply = await call('POST', '/login', {
    body: { email: 'ada@example.org', password: goodPassword, transport: 'cookie' },
    headers: own,
  })
  return keep(new Map(), reply)
}

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database })
  const { call, log, signup, time } = built
  const { jar, reply } = await signupByCookie(built)
  const phone = await login(built)
  /** What a browser sends: the refresh cookie is for another path. */
  const sent = (from: Jar) => `latchkey=${from.get('latchkey')}`

  for (const headers of [
    { cookie: sent(jar) },
    { cookie: sent(jar), ...from('https://evil.example', 'cross-site') },
    { cookie: sent(jar), ...from('https://evil.localhost', 'same-site') },
    { cookie: sent(jar), origin: 'null', 'sec-fetch-site': 'cross-site' },
    { cookie: 'latchkey=x' },
    { cookie: 'latchkey-refresh=x' },
  ]) {
    const refused = await call('POST', '/logout', { headers })
    problem(t, refused, 403, 'cross_site_request')
    t.strictSame(setCookies(refused), [])
  }
  t.ok(await isAlive(built, jar), 'a foreign page logs nobody out')

  for (const headers of [{}, from('https://evil.example', 'cross-site')]) {
    const nothing = await call('POST', '/logout', { headers })
    t.strictSame([nothing.statusCode, setCookies(nothing)], [204, []], 'the form of another site')
  }
  const none = await call('POST', '/logout', { headers: own })
  t.strictSame([none.statusCode, setCookies(none)], [204, cleared])

  // The access token has long expired; its cookie names the login all the same.
  time.now += 20 * day
  const ended = await call('POST', '/logout', { headers: { cookie: sent(jar), ...own } })
  t.strictSame([ended.statusCode, ended.body, setCookies(ended)], [204, '', cleared])
  t.match(log().at(-2), {
    event: 'login.ended',
    account: reply.json().user.id,
    token_type: 'Cookie',
  })
  t.strictSame([await isAlive(built, jar), await isAlive(built, phone)], [false, true])

  const other = await signup()
  const mixed = await call('POST', '/logout', {
    token: other.access_token,
    headers: { cookie: sent(phone), ...own },
  })
  t.strictSame([mixed.statusCode, setCookies(mixed)], [204, []])
  t.ok(await isAlive(built, phone), 'a header goes first')
  const inBody = await call('POST', '/logout', {
    body: { refresh_token: 'x' },
    headers: { cookie: sent(phone), ...own },
  })
  t.strictSame([inBody.statusCode, setCookies(inBody)], [204, []])
  t.ok(await isAlive(built, phone), 'a token in the body goes first, good or bad')

  const laptop = await login(built)
  await call('POST', '/logout', {
    headers: { cookie: `latchkey=x; ${sent(phone)}; ${sent(laptop)}`, ...own },
  })
  t.strictSame(
    [await isAlive(built, phone), await isAlive(built, laptop)],
    [false, false],
    'of several cookies, each names a login that ends',
  )
})

t.test('a database that is away: the browser forgets the tokens all the same', async (t) => {
  let away = false
  const built = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          if (away) throw new Problem('unavailable')
          return await store.accounts.findById(id)
        },
      },
    }),
  })
  const { jar } = await signupByCookie(built)
  away = true
  const reply = await built.call('POST', '/logout', {
    headers: { cookie: `latchkey=${jar.get('latchkey')}`, ...own },
  })
  problem(t, reply, 503, 'unavailable')
  t.strictSame(setCookies(reply), cleared)
  t.equal((await built.call('POST', '/logout', { headers: own })).statusCode, 204)
})
