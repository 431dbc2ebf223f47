import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createDeviceTokens } from '../../src/tokens/device-token.js'
import { buildTestApp, goodPassword, type TestApp } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'
import { kinds } from '../support/hostile-tokens.js'
import { createSignupTokens } from '../../src/tokens/signup-token.js'
import { decode, forge, signer } from '../support/forge.js'
import { takeApart } from '../support/one-time-tokens.js'

const audience = 'urn:example:api'
const issuer = 'http://localhost:3000'
const own = { refresh: `${issuer}/refresh`, links: `${issuer}/links`, devices: `${issuer}/devices` }
const oneTime = {
  email: 'ada@example.org',
  hash: 'x',
  binding: 'x',
  name: null,
  password_hash: 'x',
}

/** Where tokens are taken, and which kind for which audiences. */
const places: Array<{
  place: string
  typ: string
  auds: Array<'audience' | 'issuer' | 'refresh'>
  use: (test: TestApp, token: string) => Promise<{ statusCode: number; body: string }>
}> = [
  ...(['GET /claims', 'GET /me', 'PATCH /me', 'POST /logout/everywhere'] as const).map(
    (place): (typeof places)[number] => ({
      place,
      typ: 'at+jwt',
      auds: ['audience'],
      use: async ({ call }, token) => {
        const [method, url] = place.split(' ') as ['GET', string]
        return await call(method, url, {
          token,
          ...(place === 'PATCH /me' && { body: { name: null } }),
        })
      },
    }),
  ),
  {
    place: 'POST /refresh',
    typ: 'rt+jwt',
    auds: ['refresh', 'issuer'],
    use: async ({ call }, token) =>
      await call('POST', '/refresh', { body: { refresh_token: token } }),
  },
]

for (const audiences of [
  { audience, issuer, ...own },
  { audience: issuer, issuer, ...own },
]) {
  t.test(
    `each kind of token opens its own place alone, where access tokens are for ${audiences.audience}`,
    async (t) => {
      const test = await buildTestApp(t, { env: { TOKEN_AUDIENCE: audiences.audience } })
      const key = test.jwks.keys[0] ?? {}
      let opened = 0
      for (const { place, typ, auds, use } of places) {
        for (const kind of kinds) {
          for (const to of Object.values(audiences)) {
            const { refresh_token: token, user } = await test.signup()
            const { header, payload } = decode(token)
            // The claims of every kind at once: only typ and aud can tell.
            const made = forge(
              { ...header, typ: kind },
              { ...payload, ...oneTime, sub: user.id, aud: to, epoch: 0 },
              signer(key),
            )
            const { statusCode, body } = await use(test, made)
            const opens = kind === typ && auds.some((aud) => to === audiences[aud])
            t.equal(
              opens ? Math.floor(statusCode / 100) : statusCode,
              opens ? 2 : 401,
              `${kind} for ${to} at ${place}: ${body.slice(0, 100)}`,
            )
            if (opens) opened++
          }
        }
      }
      t.equal(opened, audiences.audience === audiences.issuer ? 4 * 2 + 3 : 4 + 2)
      t.notMatch(test.logText(), /internal error/)
    },
  )
}

t.test("the tokens of one reply do not do each other's work", async (t) => {
  const { call, signup } = await buildTestApp(t)
  const { access_token: access, refresh_token: refresh } = await signup()
  t.equal((await call('GET', '/claims', { token: refresh })).json().code, 'invalid_token')
  t.equal(
    (await call('POST', '/refresh', { body: { refresh_token: access } })).json().code,
    'invalid_refresh_token',
  )
  t.equal((await call('GET', '/claims', { token: access })).statusCode, 200)
  t.equal((await call('POST', '/refresh', { body: { refresh_token: refresh } })).statusCode, 200)
})

t.test('the real tokens of every kind, at every place that takes one', async (t) => {
  const test = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
  const { call, signup, nextMail } = test
  const makers: Record<string, () => Promise<string>> = {
    access: async () => (await signup()).access_token,
    refresh: async () => (await signup()).refresh_token,
    device: async () =>
      createDeviceTokens({ ring: test.ring, issuer, clock: () => test.time.now }).issue(
        (await signup()).user.email,
      ),
    reset: async () => {
      const { user } = await signup()
      await call('POST', '/password/forgot', { body: { email: user.email } })
      return tokenOf(await nextMail(user.email, 'Reset'))
    },
    verify: async () => tokenOf(await nextMail((await signup()).user.email, 'Confirm your e-mail')),
    // A server that makes accounts at once takes them as well: what was issued stays good when the
    // setting changes.
    signup: async () =>
      await createSignupTokens({ ring: test.ring, issuer, clock: () => test.time.now }).issue({
        email: `${randomUUID()}@example.org`,
        name: null,
        passwordHash: 'x',
      }),
    email: async () => await askForAddress(await signup()),
    undo: async () => {
      const person = await signup()
      await call('POST', '/email/verify', {
        body: { token: tokenOf(await nextMail(person.user.email, 'Confirm your e-mail')) },
      })
      await call('POST', '/email/change/confirm', {
        token: person.access_token,
        body: { token: await askForAddress(person) },
      })
      return tokenOf(await nextMail(person.user.email, 'Your e-mail address'))
    },
  }
  const askForAddress = async ({ access_token: token }: { access_token: string }) => {
    const email = `${randomUUID()}@new.example`
    await call('POST', '/email/change', {
      token,
      body: { new_email: email, password: goodPassword },
    })
    return tokenOf(await nextMail(email, 'Confirm your new'))
  }
  const takers: Array<
    [
      place: string,
      kinds: string[],
      refusal: number,
      use: (token: string) => Promise<{ statusCode: number }>,
    ]
  > = [
    ['GET /claims', ['access'], 401, async (token) => await call('GET', '/claims', { token })],
    [
      'POST /refresh',
      ['refresh'],
      401,
      async (token) => await call('POST', '/refresh', { body: { refresh_token: token } }),
    ],
    [
      'POST /password/reset',
      ['reset'],
      400,
      async (token) =>
        await call('POST', '/password/reset', {
          body: { token, new_password: `${goodPassword}-2` },
        }),
    ],
    [
      'POST /email/change/confirm',
      ['email'],
      400,
      async (token) =>
        await call('POST', '/email/change/confirm', { body: { token, password: goodPassword } }),
    ],
    [
      'POST /email/verify',
      ['verify', 'signup'],
      400,
      async (token) => await call('POST', '/email/verify', { body: { token } }),
    ],
    [
      'POST /email/undo',
      ['undo'],
      400,
      async (token) => await call('POST', '/email/undo', { body: { token } }),
    ],
  ]
  for (const [kind, make] of Object.entries(makers)) {
    for (const [place, takes, refusal, use] of takers) {
      const { statusCode } = await use(await make())
      if (takes.includes(kind)) t.ok(statusCode < 300, `${kind} at ${place}: ${statusCode}`)
      else t.equal(statusCode, refusal, `${kind} at ${place}`)
    }
  }
})

t.test('no token but an access token is for the audience of access tokens', async (t) => {
  const { signup, nextMail, call } = await buildTestApp(t)
  const { access_token: access, refresh_token: refresh, user } = await signup()
  const verify = tokenOf(await nextMail(user.email, 'Confirm your e-mail'))
  await call('POST', '/password/forgot', { body: { email: user.email } })
  const reset = tokenOf(await nextMail(user.email, 'Reset'))
  t.strictSame(
    [access, refresh, verify, reset].map((token) => decode(token).payload.aud),
    [issuer, own.refresh, own.links, own.links],
  )
  t.ok(
    [access, refresh, verify, reset].every((token) => token.length < 700),
    'none is long',
  )
})

t.test('links of the version that had the issuer as audience still work', async (t) => {
  const test = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
  const { signup, nextMail, call } = test
  const { access_token: access, user } = await signup()
  const verify = tokenOf(await nextMail(user.email, 'Confirm your e-mail'))
  await call('POST', '/email/change', {
    token: access,
    body: { new_email: 'new@example.org', password: goodPassword },
  })
  const change = tokenOf(await nextMail('new@example.org', 'Confirm your new'))
  const post = async (url: string, token: string, aud: string, more = {}) => {
    const body = { token: takeApart(test, token).make({ claims: { aud } }), ...more }
    return (await call('POST', url, { body })).statusCode
  }
  const refused = [audience, own.refresh, own.devices]
  for (const aud of [...refused, issuer])
    t.equal(await post('/email/verify', verify, aud), refused.includes(aud) ? 400 : 200, aud)
  for (const aud of [...refused, issuer])
    t.equal(
      await post('/email/change/confirm', change, aud, { password: goodPassword }),
      refused.includes(aud) ? 400 : 200,
      aud,
    )
  await call('POST', '/password/forgot', { body: { email: 'new@example.org' } })
  const reset = tokenOf(await nextMail('new@example.org', 'Reset'))
  for (const aud of [...refused, issuer])
    t.equal(
      await post('/password/reset', reset, aud, { new_password: goodPassword }),
      refused.includes(aud) ? 400 : 204,
      aud,
    )
  // Earlier undo links named no entry of a history, so their audience is refused too.
  const undo = tokenOf(await nextMail(user.email, /was changed$/))
  for (const aud of [...refused, issuer]) t.equal(await post('/email/undo', undo, aud), 400, aud)
  t.equal(await post('/email/undo', undo, own.links), 200, 'the link as it was sent')
})
