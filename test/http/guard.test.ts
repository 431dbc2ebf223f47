import t from 'tap'
import { buildTestApp, onEachDatabase, problem } from '../helper.js'
import { decode } from '../support/forge.js'
import { refused } from '../support/forger.js'
import { type Answer, listen } from '../support/send.js'

const bare = 'Bearer realm="latchkey"'

t.test('how a token is sent', async (t) => {
  const { app, signup, logText } = await buildTestApp(t)
  const { access_token: token, user } = await signup()
  const { send } = await listen(t, app)
  const bearer = `Bearer ${token}`
  const short = (answer: Answer) => [
    answer.status,
    answer.status === 200
      ? (JSON.parse(answer.body) as { sub: string }).sub
      : (JSON.parse(answer.body) as { code: string }).code,
    answer.headers['www-authenticate']?.split(', error_description')[0],
  ]
  const good = [200, user.id, undefined]
  const missing = [401, 'missing_token', bare]
  const invalid = [401, 'invalid_token', `${bare}, error="invalid_token"`]
  const notBound = [401, 'invalid_token', 'DPoP error="invalid_token"']
  const twice = [400, 'invalid_request', undefined]

  const rows: Array<[string, string[], unknown[]]> = [
    ['as in RFC 6750', ['Authorization', bearer], good],
    ['scheme in small letters', ['authorization', `bearer ${token}`], good],
    ['scheme in capitals', ['AUTHORIZATION', `BEARER ${token}`], good],
    ['scheme in mixed letters', ['Authorization', `bEaReR ${token}`], good],
    ['two spaces', ['Authorization', `Bearer  ${token}`], good],
    ['many spaces', ['Authorization', `Bearer${' '.repeat(500)}${token}`], good],
    ['white space around', ['Authorization', ` \t${bearer} \t`], good],
    ['nothing', [], missing],
    ['an empty header', ['Authorization', ''], missing],
    ['only the scheme', ['Authorization', 'Bearer'], missing],
    ['only the scheme and spaces', ['Authorization', 'Bearer   '], missing],
    ['no space', ['Authorization', `Bearer${token}`], missing],
    ['a tab', ['Authorization', `Bearer\t${token}`], missing],
    ['no scheme', ['Authorization', token], missing],
    ['another scheme', ['Authorization', 'Basic YWRhOmxvdmVsYWNl'], missing],
    ['our token under another scheme', ['Authorization', `Basic ${token}`], missing],
    ['not bound to a key, but sent so', ['Authorization', `DPoP ${token}`], notBound],
    ['a longer scheme', ['Authorization', `XBearer ${token}`], missing],
    ['two schemes in one header', ['Authorization', `Basic YWRh, ${bearer}`], missing],
    ['the scheme twice', ['Authorization', `Bearer ${bearer}`], invalid],
    ['two tokens', ['Authorization', `${bearer} ${token}`], invalid],
    ['two tokens and a comma', ['Authorization', `${bearer}, ${bearer}`], invalid],
    ['a comma after', ['Authorization', `${bearer},`], invalid],
    ['quotes', ['Authorization', `Bearer "${token}"`], invalid],
    ['as a parameter', ['Authorization', `Bearer access_token=${token}`], invalid],
    ['percent-encoded', ['Authorization', `Bearer ${token.replace('.', '%2E')}`], invalid],
    ['bytes beyond ASCII', ['Authorization', `${bearer}\u00e9`], invalid],
    ['a word', ['Authorization', 'Bearer null'], invalid],
    ['8 KB of dots', ['Authorization', `Bearer ${'.'.repeat(8000)}`], invalid],
    ['8 KB of spaces and a word', ['Authorization', `Bearer${' '.repeat(8000)}x`], invalid],
    ['the same header twice', ['Authorization', bearer, 'Authorization', bearer], twice],
    ['a good one before a bad one', ['Authorization', bearer, 'authorization', 'Bearer x'], twice],
    ['a bad one before a good one', ['Authorization', 'Bearer x', 'AUTHORIZATION', bearer], twice],
    ['an empty one before a good one', ['Authorization', '', 'Authorization', bearer], twice],
    ['two schemes in two headers', ['Authorization', 'Basic YWRh', 'Authorization', bearer], twice],
    [
      'another header',
      [
        'Proxy-Authorization',
        bearer,
        'X-Authorization',
        bearer,
        'X-Access-Token',
        token,
        'X-Forwarded-Authorization',
        bearer,
      ],
      missing,
    ],
    [
      'a cookie',
      [
        'Cookie',
        `token=${token}; access_token=${token}; __Host-latchkey=${token}; Authorization=${bearer}`,
      ],
      missing,
    ],
  ]
  for (const [name, headers, expected] of rows) {
    const answer = await send({ path: '/claims', headers })
    t.strictSame(short(answer), expected, name)
    t.equal(answer.headers['cache-control'], 'no-store', name)
  }
  t.notMatch(logText(), /internal error/)
  t.notOk(logText().includes(token.slice(0, 20)), 'no token in the log')
})

t.test(
  'a token is taken from the Authorization header alone, and beside it no other is',
  async (t) => {
    const { call, signup } = await buildTestApp(t)
    const { access_token: token } = await signup()
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const url of ['/claims', '/me']) {
      for (const name of ['access_token', 'token', 'authorization']) {
        problem(t, await call('GET', `${url}?${name}=${token}`), 401, 'missing_token')
        t.match(
          problem(
            t,
            await call('GET', `${url}?${name}=${token}`, { token }),
            400,
            'invalid_request',
          ),
          { errors: [{ pointer: name }] },
        )
      }
    }
    problem(
      t,
      await call('PATCH', '/me', { body: { name: 'Ada', access_token: token } }),
      401,
      'missing_token',
    )
    t.match(
      problem(
        t,
        await call('PATCH', '/me', { token, body: { name: 'Ada', access_token: token } }),
        400,
        'invalid_request',
      ),
      { errors: [{ pointer: '/access_token' }] },
    )
    problem(
      t,
      await call('PATCH', '/me', { headers: form, body: `access_token=${token}` }),
      415,
      'unsupported_media_type',
    )
    t.equal((await call('GET', '/me', { token })).json().name, null, 'nothing was changed')
  },
)

t.test('what a good token opens', async (t) => {
  const { call, signup } = await buildTestApp(t)
  const { access_token: token, user } = await signup()
  const claims = await call('GET', '/claims', { token })
  t.strictSame(claims.json(), decode(token).payload)
  t.strictSame((await call('GET', '/me', { token })).json(), user)
  for (const url of ['/claims', '/me']) {
    for (const method of ['GET', 'HEAD'] as const) {
      const { statusCode, headers } = await call(method, url, { token })
      t.match(
        { statusCode, headers },
        {
          statusCode: 200,
          headers: {
            'cache-control': 'no-store',
            'content-type': 'application/json; charset=utf-8',
            'www-authenticate': undefined,
          },
        },
      )
    }
  }
})

t.test('public routes ignore a bad token', async (t) => {
  const { call } = await buildTestApp(t)
  for (const url of ['/health/live', '/.well-known/jwks.json', '/'])
    t.equal((await call('GET', url, { token: 'x' })).statusCode, 200, url)
})

await onEachDatabase(t, async (t, database) => {
  const { call, signup, stored } = await buildTestApp(t, { database })
  const [ada, eve] = [await signup(), await signup()]
  await stored.setEmail(ada.user.id, 'moved@example.org')
  await stored.setEmail(eve.user.id, ada.user.email)
  t.match(
    (await call('GET', '/me', { token: ada.access_token })).json(),
    { id: ada.user.id, email: 'moved@example.org' },
    'a token belongs to the account and not to the address',
  )
  t.match(
    (await call('GET', '/me', { token: eve.access_token })).json(),
    {
      id: eve.user.id,
      email: ada.user.email,
    },
    'nor does another account get it with the address',
  )
  await stored.delete(ada.user.id)
  await refused(t, 'a deleted account', await call('GET', '/me', { token: ada.access_token }))
  t.equal(
    (await call('GET', '/claims', { token: ada.access_token })).statusCode,
    200,
    'GET /claims needs no database',
  )
})
