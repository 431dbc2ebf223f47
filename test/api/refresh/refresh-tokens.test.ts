import t from 'tap'
import { leewaySeconds } from '../../../src/keys/key-ring.js'
import { buildRefreshForger } from '../../support/forger.js'
import { hostileTokens } from '../../support/hostile-tokens.js'
import { algorithms, decode, encode } from '../../support/forge.js'

const ours = 'http://localhost:3000'
const long = 'x'.repeat(1000)

for (const alg of algorithms) {
  t.test(`hostile refresh tokens where the key is for ${alg}`, async (t) => {
    const forger = await buildRefreshForger(t, alg)
    const { make, claims, refuses, accepts, user, logText, call, time } = forger
    const now = claims.iat as number
    await accepts(t, 'the token that is changed', make())
    for (const [kind, rows] of Object.entries(hostileTokens(forger))) {
      await t.test(kind, async (t) => {
        for (const [name, token] of rows) await refuses(t, name, token)
      })
    }
    const wrong: Record<string, unknown[]> = {
      iss: [`${ours}/`, ours.toUpperCase(), '', [ours], {}, 5, null, undefined],
      aud: [
        `${ours}/`,
        `${ours}/refresh/`,
        `${ours}/links`,
        `${ours}/devices`,
        'https://evil.example',
        '',
        [],
        ['https://evil.example'],
        [ours, 5],
        {},
        5,
        null,
        undefined,
      ],
      sub: [
        '',
        'x',
        `${user.id as string}\0`,
        String(user.id).toUpperCase(),
        user.email,
        '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1',
        5,
        {},
        [user.id],
        null,
        undefined,
      ],
      exp: [now - leewaySeconds, 0, -1, now + 0.5, String(now + 600), true, null, undefined],
      iat: [now + leewaySeconds + 1, -1, now + 0.5, String(now), null, undefined],
      nbf: [now + leewaySeconds + 1, -1, String(now), null],
      auth_time: [now - 90 * 86_400, 0, -1, now + 0.5, String(now), null, undefined],
      jti: ['', 5, null, undefined],
      epoch: [1, -1, 0.5, '0', true, [0], {}, null, undefined],
    }
    for (const [claim, values] of Object.entries(wrong)) {
      for (const value of values)
        await refuses(t, `${claim} ${JSON.stringify(value)}`, make({ claims: { [claim]: value } }))
    }
    const right: Record<string, unknown[]> = {
      aud: [
        ours,
        [ours],
        ['https://other.example', ours],
        ['https://other.example', `${ours}/refresh`],
      ],
      exp: [now - leewaySeconds + 1, now + 1e9],
      iat: [now + leewaySeconds, 0],
      nbf: [now + leewaySeconds, now, 0],
      auth_time: [now - 90 * 86_400 + 1],
      jti: [long],
      role: ['admin'],
    }
    for (const [claim, values] of Object.entries(right)) {
      for (const value of values)
        await accepts(
          t,
          `${claim} ${JSON.stringify(value)}`.slice(0, 60),
          make({ claims: { [claim]: value } }),
        )
    }
    const reply = (
      await call('POST', '/refresh', {
        body: { refresh_token: make({ claims: { role: 'admin', exp: now + 1e9 } }) },
      })
    ).json()
    t.strictSame(
      Object.keys(decode(reply.refresh_token).payload).sort(),
      Object.keys(claims).sort(),
      'nothing of a strange claim is carried on',
    )
    t.equal(reply.refresh_expires_in, 2_592_000, 'nor a strange end')
    time.now += (30 * 86_400 + leewaySeconds) * 1000 - 1
    await accepts(t, 'the last millisecond', make())
    time.now += 1
    await refuses(t, 'over', make())
    t.notMatch(logText(), /internal error/)
    t.notOk(logText().includes(encode(claims).slice(0, 20)), 'no token in the log')
  })
}
