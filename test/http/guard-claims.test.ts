import { randomUUID } from 'node:crypto'
import t from 'tap'
import { leewaySeconds } from '../../src/keys/key-ring.js'
import { onEachDatabase, problem } from '../helper.js'
import { algorithms } from '../support/forge.js'
import { buildForger, refused } from '../support/forger.js'

const ours = 'http://localhost:3000'
const long = 'x'.repeat(1000)

for (const alg of algorithms) {
  t.test(`claims that are not ours, under ${alg}`, async (t) => {
    const { make, claims, refuses, accepts, logText } = await buildForger(t, alg)
    const now = claims.iat as number
    const wrong: Record<string, unknown[]> = {
      iss: [
        `${ours}/`,
        ours.toUpperCase(),
        ` ${ours}`,
        'http://localhost',
        `${ours}.evil.example`,
        'https://localhost:3000',
        '',
        [ours],
        [ours, 'https://evil.example'],
        ['https://evil.example'],
        {},
        5,
        true,
        null,
        undefined,
      ],
      aud: [
        `${ours}/`,
        'https://evil.example',
        long,
        '',
        [],
        ['https://evil.example'],
        [ours, 5],
        [ours, null],
        [[ours]],
        { 0: ours },
        5,
        true,
        null,
        undefined,
      ],
      sub: ['', 5, true, {}, [], [claims.sub], null, undefined],
      exp: [
        now - leewaySeconds,
        now - 3600,
        0,
        -1,
        now + 0.5,
        String(now + 600),
        `${now + 600} `,
        '',
        true,
        {},
        [now + 600],
        null,
        undefined,
      ],
      iat: [
        now + leewaySeconds + 1,
        now + 86_400,
        -1,
        now + 0.5,
        String(now),
        'x',
        true,
        {},
        [now],
        null,
        undefined,
      ],
      nbf: [
        now + leewaySeconds + 1,
        now + 86_400,
        -1,
        now + 0.5,
        String(now),
        true,
        {},
        [now],
        null,
      ],
      auth_time: [-1, now + 0.5, String(now), true, {}, [now], null, undefined],
      jti: ['', 5, true, {}, [claims.jti], null, undefined],
    }
    for (const [claim, values] of Object.entries(wrong)) {
      for (const value of values)
        await refuses(
          t,
          `${claim} ${JSON.stringify(value)}`.slice(0, 60),
          make({ claims: { [claim]: value } }),
        )
    }
    const right: Record<string, unknown[]> = {
      aud: [[ours], ['https://other.example', ours]],
      exp: [now - leewaySeconds + 1, now + 1e9],
      iat: [now + leewaySeconds, 0],
      nbf: [now + leewaySeconds, now, 0, undefined],
      auth_time: [0],
      jti: [long],
    }
    for (const [claim, values] of Object.entries(right)) {
      for (const value of values)
        await accepts(
          t,
          `${claim} ${JSON.stringify(value)}`.slice(0, 60),
          make({ claims: { [claim]: value } }),
        )
    }
    t.notMatch(logText(), /internal error/)
  })
}

t.test('an audience of its own is asked for, and the issuer is none', async (t) => {
  const audience = 'https://api.example.org'
  const { make, claims, refuses, accepts } = await buildForger(t, 'ES256', {
    env: { TOKEN_AUDIENCE: audience },
  })
  t.match(claims, { iss: ours, aud: audience })
  await accepts(t, 'ours', make())
  for (const aud of [ours, [ours], `${audience}/`])
    await refuses(t, JSON.stringify(aud), make({ claims: { aud } }))
})

t.test("the application's own claims open nothing, and GET /claims returns them", async (t) => {
  const { make, call, claims } = await buildForger(t, 'ES256', {
    beforeReady: (app) => {
      app.get('/staff', { config: { roles: ['admin'] } }, async () => ({}))
    },
  })
  const own = {
    role: 'admin',
    scope: 'admin',
    groups: ['admin'],
    public: true,
    epoch: 5,
    plan: { name: 'gold', seats: [1, null, 'x'], deep: { er: {} } },
    toJSON: 'x',
    'x y"\u2028': 'é\u{1f511}',
  }
  const token = make({ claims: own })
  for (const time of ['first', 'second'])
    t.strictSame((await call('GET', '/claims', { token })).json(), { ...claims, ...own }, time)
  problem(t, await call('GET', '/staff', { token }), 403, 'missing_role')
})

await onEachDatabase(t, async (t, database) => {
  const { make, call, claims, user, refuses, logText } = await buildForger(t, 'ES256', { database })
  const id = user.id as string
  const stranger = make({ claims: { sub: randomUUID() } })
  t.equal(
    (await call('GET', '/claims', { token: stranger })).statusCode,
    200,
    'the claims are answered without the database',
  )
  await refused(t, 'no account', await call('GET', '/me', { token: stranger }))
  const subjects = [
    'x',
    user.email,
    `${id}\0`,
    '\0',
    ` ${id}`,
    id.toUpperCase(),
    `${id}'--`,
    "' OR 1=1 --",
    '%',
    '_',
    '*',
    '$1',
    '\ud800',
    '\udfff\ud800',
    '\u{1f511}',
    'null',
    '0',
    '__proto__',
    '{"contains":""}',
    id.slice(0, -1),
    long,
  ]
  for (const sub of subjects) {
    const token = make({ claims: { sub } })
    const name = JSON.stringify(sub).slice(0, 60)
    await refuses(t, name, token)
    await refused(t, name, await call('PATCH', '/me', { token, body: { name: 'Eve' } }))
    await refused(t, name, await call('DELETE', '/me', { token, body: { password: 'x' } }))
  }
  t.strictSame(
    (await call('GET', '/me', { token: make() })).json(),
    user,
    'the account is as it was',
  )
  t.equal(claims.sub, id)
  t.notMatch(logText(), /internal error/)
})
