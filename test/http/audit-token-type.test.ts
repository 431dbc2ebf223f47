import t from 'tap'
import { buildTestApp, goodPassword } from '../helper.js'
import { tableIs } from '../support/table.js'

t.test('refused credentials are audited with the way that they are held', async (t) => {
  const { call, log } = await buildTestApp(t)
  const cookie = 'latchkey=x'
  const origin = 'https://evil.example'
  const login = { email: 'ada@example.org', password: goodPassword }
  const rows: Array<[string, () => Promise<unknown>, unknown]> = [
    [
      'a bearer token',
      async () => await call('GET', '/me', { headers: { authorization: 'bearer x' } }),
      ['token.refused', 'Bearer'],
    ],
    [
      'a bound token',
      async () => await call('GET', '/me', { headers: { authorization: 'DPoP x', dpop: 'x' } }),
      ['token.refused', 'DPoP'],
    ],
    [
      'a cookie',
      async () => await call('GET', '/me', { headers: { cookie } }),
      ['token.refused', 'Cookie'],
    ],
    [
      'a logout of another site',
      async () => await call('POST', '/logout', { headers: { cookie, origin } }),
      ['request.cross_site', 'Cookie'],
    ],
    [
      'a login of another site, into cookies',
      async () =>
        await call('POST', '/login', {
          headers: { origin },
          body: { ...login, transport: 'cookie' },
        }),
      ['request.cross_site', 'Cookie'],
    ],
    [
      'a login with a bad proof',
      async () => await call('POST', '/login', { headers: { dpop: 'x' }, body: login }),
      ['proof.refused', 'DPoP'],
    ],
    [
      'a link, whatever other credentials say',
      async () =>
        await call('POST', '/password/reset', {
          headers: { authorization: 'Bearer x' },
          body: { token: 'x', new_password: goodPassword },
        }),
      ['link.refused', undefined],
    ],
  ]
  await tableIs(
    t,
    rows,
    async (send) => {
      await send()
      const { event, token_type: type } = log().findLast(({ msg }) => msg === 'audit') ?? {}
      return [event, type]
    },
    'refusals',
  )
})
