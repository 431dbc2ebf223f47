import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { Problem } from '../../../src/errors.js'
import { buildTestApp, problem, type TestApp } from '../../helper.js'
import { buildForger, buildRefreshForger } from '../../support/forger.js'
import { hostileTokens } from '../../support/hostile-tokens.js'
import { everyRowIs, tableIs } from '../../support/table.js'
import { listen } from '../../support/send.js'

type Person = Awaited<ReturnType<TestApp['signup']>>
type Options = NonNullable<Parameters<TestApp['call']>[2]>

const type = (value: string) => ({ 'content-type': value })
const json = type('application/json')

/** Returns whether the login of a person can still be refreshed. */
async function isAlive({ call }: TestApp, { refresh_token: token }: Person): Promise<boolean> {
  const { statusCode } = await call('POST', '/refresh', { body: { refresh_token: token } })
  return statusCode === 200
}

/** Logs out; asserts the one reply that there is. */
async function logout({ call }: TestApp, options: Options, url = '/logout'): Promise<unknown> {
  const { statusCode, body, headers } = await call('POST', url, options)
  const { 'www-authenticate': challenge, 'set-cookie': cookie, 'cache-control': cache } = headers
  return [statusCode, body, challenge, cookie, cache]
}

const done = [204, '', undefined, undefined, 'no-store']

t.test('POST /logout is 204 and ends nothing, whatever comes', async (t) => {
  const test = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
  const person = await test.signup()
  const { access_token: access, refresh_token: refresh } = person
  const text = JSON.stringify({ refresh_token: refresh })
  const both = { body: { refresh_token: 'x' }, token: access }
  const rows: Array<[name: string, options: Options]> = [
    ['nothing', {}],
    ['a bad access token', { token: 'x.y.z' }],
    ['a refresh token in the header', { token: refresh }],
    ['an access token in the body', { body: { refresh_token: access } }],
    ['a bad token in the body beside a good one in the header', both],
    ['another scheme', { headers: { authorization: `Basic ${access}` } }],
    ['no scheme', { headers: { authorization: access } }],
    ['a scheme alone', { headers: { authorization: 'Bearer ' } }],
    ['a token and more', { headers: { authorization: `Bearer ${access} x` } }],
    ['a cookie', { headers: { cookie: `__Host-latchkey=${access}` } }],
    ['another member', { body: { refreshToken: refresh, token: refresh } }],
    ['a token in an array', { body: [refresh, { refresh_token: refresh }] }],
    ['a token in a token', { body: { refresh_token: { refresh_token: refresh } } }],
    ['a token alone', { body: JSON.stringify(refresh), headers: json }],
    ['null', { body: 'null', headers: json }],
    ['no JSON', { body: `${text}"`, headers: json }],
    ['an empty JSON body', { body: '', headers: json }],
    ['a token by the prototype', { body: `{"__proto__":${text}}`, headers: json }],
    ['nested deep', { body: '['.repeat(16_000), headers: json }],
    ['UTF-16', { body: Buffer.from(text, 'utf16le'), headers: json }],
    ['a form', { body: `refresh_token=${refresh}`, headers: type('text/x-www-form-urlencoded') }],
    ['a token as text', { body: text, headers: type('text/plain') }],
    ['a token of a strange type', { body: text, headers: type('application/json garbage') }],
    ['a token of a similar type', { body: text, headers: type('application/jsonp') }],
    ['no type', { body: text, headers: type('') }],
    ['an encoded body', { body: text, headers: { ...json, 'content-encoding': 'gzip' } }],
    ['16 KiB and a byte', { body: text + ' '.repeat(16_385 - text.length), headers: json }],
    ['a megabyte', { body: text + ' '.repeat(1e6), headers: json }],
    ['a megabyte of text', { body: 'x'.repeat(1e6), headers: type('text/plain') }],
  ]
  await everyRowIs(
    t,
    rows,
    [done, true],
    async (options) => [await logout(test, options), await isAlive(test, person)],
    'the reply, and whether the login goes on',
  )
  t.strictSame(await logout(test, {}, `/logout?refresh_token=${refresh}`), done)
  problem(t, await test.call('GET', '/logout'), 405, 'method_not_allowed')
  const { send } = await listen(t, test.app)
  const two = ['authorization', `Bearer ${access}`, 'Authorization', 'Bearer y']
  t.equal((await send({ method: 'POST', path: '/logout', headers: two })).status, 204)
  t.ok(await isAlive(test, person), 'two headers, and a token in the URL')
  t.match(await test.stored.row(person.user.id), { ended_logins: '[]' })
  t.notOk(test.log().some(({ level, event }) => Number(level) > 30 || event === 'login.ended'))
})

t.test('POST /logout takes a token in these ways', async (t) => {
  const test = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
  const ways: Record<string, (person: Person) => Options> = {
    'a body': ({ refresh_token: token }) => ({ body: { refresh_token: token } }),
    'a body with more members': ({ refresh_token: token }) => ({
      body: { all: true, refresh_token: token },
    }),
    'a charset, and a type in capitals': ({ refresh_token: token }) => ({
      body: JSON.stringify({ refresh_token: token }),
      headers: { ...type('Application/JSON ; charset=UTF-8'), 'content-encoding': 'identity' },
    }),
    '16 KiB': ({ refresh_token: token }) => ({
      body: JSON.stringify({ refresh_token: token }).padEnd(16_384),
      headers: json,
    }),
    Bearer: ({ access_token: token }) => ({ token }),
    'bEARER and spaces': ({ access_token: token }) => ({
      headers: { authorization: `bEARER   ${token}` },
    }),
    DPoP: ({ access_token: token }) => ({ headers: { authorization: `DPoP ${token}` } }),
    'a header beside an empty body': ({ access_token: token }) => ({ token, body: {} }),
    'a header beside bodies without a token': ({ access_token: token }) => ({
      token,
      body: { refresh_token: null },
    }),
    'a header beside a body of text': ({ access_token: token }) => ({
      token,
      body: 'bye',
      headers: type('text/plain'),
    }),
    'a header beside an empty token': ({ access_token: token }) => ({
      token,
      body: { refresh_token: '' },
    }),
    'a body beside a bad header': ({ refresh_token: token }) => ({
      token: 'x',
      body: { refresh_token: token },
    }),
  }
  await tableIs(
    t,
    Object.entries(ways).map(([name, way]) => [name, way, [done, false, true]] as const),
    async (way) => {
      const [ada, other] = [await test.signup(), await test.signup()]
      return [await logout(test, way(ada)), await isAlive(test, ada), await isAlive(test, other)]
    },
    'the reply, and whether the login and another one go on',
  )
  const [ada, eve] = [await test.signup(), await test.signup()]
  await logout(test, { body: { refresh_token: ada.refresh_token }, token: eve.access_token })
  t.strictSame(
    [await isAlive(test, ada), await isAlive(test, eve)],
    [false, true],
    'of two accounts, the body alone counts',
  )
})

t.test('a body in pieces, and one that never ends', async (t) => {
  const test = await buildTestApp(t)
  const person = await test.signup()
  await test.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = test.app.server.address() as { port: number }
  const head = 'POST /logout HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
  const text = JSON.stringify({ refresh_token: person.refresh_token })
  const send = async (first: string, ...pieces: string[]) => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    let reply = ''
    socket.on('data', (data) => {
      reply += String(data)
    })
    for (const piece of [first, ...pieces])
      await new Promise((resolve) => socket.write(piece, resolve))
    return { socket, reply: () => reply }
  }
  const gone = await send(`${head}content-length: 1000\r\n\r\n`, text)
  gone.socket.destroy()
  const large = await send(`${head}transfer-encoding: chunked\r\n\r\n`, chunk(' '.repeat(16_385)))
  await once(large.socket, 'data')
  t.match(large.reply(), /^HTTP\/1.1 204 /, 'without waiting for the rest')
  t.ok(await isAlive(test, person))
  const pieces = [chunk(text.slice(0, 50)), chunk(text.slice(50)), '0\r\n\r\n']
  const good = await send(`${head}transfer-encoding: chunked\r\n\r\n`, ...pieces)
  await once(good.socket, 'data')
  t.match(good.reply(), /^HTTP\/1.1 204 /)
  t.notOk(await isAlive(test, person))
  t.notOk(test.log().some(({ level }) => Number(level) > 40))
})

t.test('a hostile token ends no login', async (t) => {
  const kinds = {
    access: { build: buildForger, show: (token: string): Options => ({ token }) },
    refresh: {
      build: buildRefreshForger,
      show: (token: string): Options => ({ body: { refresh_token: token } }),
    },
  }
  for (const [kind, { build, show }] of Object.entries(kinds)) {
    const forger = await build(t, 'ES256')
    const wrong: Record<string, unknown[]> = {
      iss: [`${String(forger.claims.iss)}/`, null],
      aud: ['https://evil.example', null],
      sub: ['x', null],
      auth_time: ['1', -1, null],
      sid: [undefined, '', 5, null, 'x'.repeat(101)],
    }
    const rows = [
      ...Object.values(hostileTokens(forger)).flat(),
      ...Object.entries(wrong).flatMap(([claim, values]) =>
        values.map((value) => [claim, forger.make({ claims: { [claim]: value } })] as const),
      ),
    ]
    const [replies, ended] = [new Set<string>(), new Set<string>()]
    // Some tokens are no header values, and one has merely expired.
    for (const [name, token] of rows)
      if (/^[ -~]*$/.test(token) && name !== 'exp twice, the last is over') {
        replies.add(JSON.stringify(await logout(forger, show(token))))
        if (forger.log().some(({ event }) => event === 'login.ended')) ended.add(name)
      }
    t.strictSame([...replies], [JSON.stringify(done)])
    t.strictSame([...ended], [], kind)
    await logout(forger, show(forger.make()))
    t.match(await forger.stored.row(String(forger.user.id)), { ended_logins: /^\[\[".{22}",/ })
    t.notMatch(forger.logText(), /internal error/)
  }
})

t.test('a database that is away is 503 only for a token that names a login', async (t) => {
  const test = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async () => {
          throw new Problem('unavailable')
        },
      },
    }),
  })
  const { access_token: token } = await test.signup()
  const reply = await test.call('POST', '/logout', { token })
  problem(t, reply, 503, 'unavailable')
  t.match(reply.headers['retry-after'], /^[1-9]\d*$/)
  t.strictSame(await logout(test, { token: `${token}x` }), done)
  t.strictSame(await logout(test, {}), done)
})
