import t from 'tap'
import { leewaySeconds } from '../../src/keys/key-ring.js'
import { buildTestApp, frozenNow } from '../helper.js'
import { algorithms, makeJwk } from '../support/forge.js'
import { buildForger, refused } from '../support/forger.js'

t.test('a token that was seen before is not verified again, and is answered alike', async (t) => {
  const { call, signup, ring } = await buildTestApp(t)
  const { access_token: token, user } = await signup()
  const first = await call('GET', '/claims', { token })
  const { find } = ring
  let broken = 0
  // A key that verifies nothing: only a signature that is not checked again passes.
  ring.find = (kid) => {
    const key = find(kid)
    broken++
    return key && { ...key, publicPem: '' }
  }
  for (let i = 0; i < 3; i++)
    t.strictSame((await call('GET', '/claims', { token })).json(), first.json())
  t.equal(broken, 3, 'whether its key is still in the ring is looked at each time')
  t.equal((await call('GET', '/me', { token })).json().id, user.id, 'on every route')
  await refused(
    t,
    'not seen before',
    await call('GET', '/claims', { token: (await signup()).access_token }),
  )
})

for (const alg of algorithms) {
  t.test(`the times of an ${alg} token that was seen before are looked at each time`, async (t) => {
    const { make, accepts, refuses, time, claims } = await buildForger(t, alg)
    const token = make({ claims: { nbf: claims.iat } })
    for (const [name, seconds, valid] of [
      ['now', 0, true],
      ['its end, within the leeway', 600 + leewaySeconds - 0.001, true],
      ['over', 600 + leewaySeconds, false],
      ['a clock that was set back, within the leeway', -leewaySeconds, true],
      ['a clock that was set back further', -leewaySeconds - 0.001, false],
      ['now again', 1, true],
    ] as const) {
      time.now = frozenNow + Math.round(seconds * 1000)
      await (valid ? accepts : refuses)(t, name, token)
    }
  })
}

t.test(
  'a key that is taken out ends its tokens at once, also those seen before, and no others',
  async (t) => {
    const [old, young] = [
      { ...makeJwk('ES256'), iat: 1 },
      { ...makeJwk('EdDSA'), iat: frozenNow / 1000 },
    ]
    const { call, signup, ring, time } = await buildTestApp(t, { keys: [old, young] })
    const before = (await signup()).access_token
    time.now += 1_200_000
    const after = (await signup()).access_token
    time.now -= 600_000
    const { parseKeys } = await import('../../src/keys/signing-key.js')
    const replace = async (...keys: object[]) => {
      ring.replace(await parseKeys(JSON.stringify({ keys }), 'test'))
    }
    const statuses = async () => [
      (await call('GET', '/claims', { token: before })).statusCode,
      (await call('GET', '/claims', { token: after })).statusCode,
    ]
    time.now = frozenNow
    t.strictSame(await statuses(), [200, 401], 'the later one is not valid yet')
    time.now += 590_000
    t.strictSame(await statuses(), [200, 401])
    await replace(old)
    t.strictSame(await statuses(), [200, 401])
    await replace(young)
    t.strictSame(await statuses(), [401, 401])
    time.now = frozenNow + 1_200_000
    t.strictSame(await statuses(), [401, 200])
    await replace(old)
    t.strictSame(await statuses(), [401, 401], 'expired, and taken out')
    await replace(old, young)
    t.strictSame(await statuses(), [401, 200], 'the same key again')
  },
)

t.test('handlers share the claims of a token and cannot change them', async (t) => {
  const seen: unknown[] = []
  const { call, signup } = await buildTestApp(t, {
    beforeReady: (app) => {
      app.get('/poison', async (request) => {
        seen.push(request.user)
        try {
          Object.assign(request.user, { sub: 'somebody else' })
        } catch (error) {
          return { refused: String(error) }
        }
        return {}
      })
    },
  })
  const { access_token: token, user } = await signup()
  for (let i = 0; i < 2; i++) {
    t.match((await call('GET', '/poison', { token })).json(), { refused: /read only/ })
    t.equal((await call('GET', '/claims', { token })).json().sub, user.id)
  }
  t.equal(seen[0], seen[1])
})

t.test('what is refused is not remembered', async (t) => {
  const { make, refuses, accepts, time } = await buildForger(t, 'ES256')
  const early = make({ claims: { nbf: frozenNow / 1000 + 60 } })
  for (let i = 0; i < 2; i++) await refuses(t, 'not yet', early)
  time.now += 60_000
  await accepts(t, 'its time has come', early)
})
