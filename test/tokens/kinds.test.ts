import t from 'tap'
import { buildTestApp, type TestApp } from '../helper.js'
import { kinds } from '../http/hostile-tokens.js'
import { decode, forge, signer } from './forge.js'

const audience = 'urn:example:api'
const issuer = 'http://localhost:3000'
const oneTime = { email: 'ada@example.org', hash: 'x', binding: 'x' }

/** Where tokens are taken, and which kind by which audience. */
const places: Array<{ place: string, typ: string, aud: 'audience' | 'issuer', use: (test: TestApp, token: string) => Promise<{ statusCode: number, body: string }> }> = [
  ...(['GET /claims', 'GET /me', 'PATCH /me', 'POST /logout/everywhere'] as const).map((place): typeof places[number] => ({
    place,
    typ: 'at+jwt',
    aud: 'audience',
    use: async ({ call }, token) => {
      const [method, url] = place.split(' ') as ['GET', string]
      return await call(method, url, { token, ...(place === 'PATCH /me' && { body: { name: null } }) })
    }
  })),
  { place: 'POST /refresh', typ: 'rt+jwt', aud: 'issuer', use: async ({ call }, token) => await call('POST', '/refresh', { body: { refresh_token: token } }) }
]

for (const audiences of [{ audience, issuer }, { audience: issuer, issuer }]) {
  t.test(`each kind of token opens its own place alone, where access tokens are for ${audiences.audience}`, async (t) => {
    const test = await buildTestApp(t, { env: { TOKEN_AUDIENCE: audiences.audience } })
    const key = test.jwks.keys[0] ?? {}
    let opened = 0
    for (const { place, typ, aud, use } of places) {
      for (const kind of kinds) {
        for (const to of Object.values(audiences)) {
          const { refresh_token: token, user } = await test.signup()
          const { header, payload } = decode(token)
          // The claims of every kind at once: only typ and aud can tell.
          const made = forge({ ...header, typ: kind }, { ...payload, ...oneTime, sub: user.id, aud: to, epoch: 0 }, signer(key))
          const { statusCode, body } = await use(test, made)
          const opens = kind === typ && to === audiences[aud]
          t.equal(opens ? Math.floor(statusCode / 100) : statusCode, opens ? 2 : 401, `${kind} for ${to} at ${place}: ${body.slice(0, 100)}`)
          if (opens) opened++
        }
      }
    }
    t.equal(opened, places.length * (audiences.audience === audiences.issuer ? 2 : 1))
    t.notMatch(test.logText(), /internal error/)
  })
}

t.test('the tokens of one reply do not do each other\'s work', async (t) => {
  const { call, signup } = await buildTestApp(t)
  const { access_token: access, refresh_token: refresh } = await signup()
  t.equal((await call('GET', '/claims', { token: refresh })).json().code, 'invalid_token')
  t.equal((await call('POST', '/refresh', { body: { refresh_token: access } })).json().code, 'invalid_refresh_token')
  t.equal((await call('GET', '/claims', { token: access })).statusCode, 200)
  t.equal((await call('POST', '/refresh', { body: { refresh_token: refresh } })).statusCode, 200)
})
