import t from 'tap'
import { leewaySeconds } from '../../src/keys/key-ring.js'
import { algorithms, encode, forge, signer } from '../support/forge.js'
import { buildForger } from '../support/forger.js'
import { hostileTokens } from '../support/hostile-tokens.js'

for (const alg of algorithms) {
  t.test(`hostile tokens where the key is for ${alg}`, async (t) => {
    const forger = await buildForger(t, alg)
    await forger.accepts(t, 'the token that is changed', forger.make())
    for (const [kind, rows] of Object.entries(hostileTokens(forger))) {
      await t.test(kind, async (t) => {
        for (const [name, token] of rows) await forger.refuses(t, name, token)
      })
    }
    t.notMatch(forger.logText(), /internal error/)
    t.notOk(forger.logText().includes(encode(forger.claims).slice(0, 20)), 'no token in the log')

    const { make, header, claims, jwk } = forger
    const raw = (head: unknown, payload: unknown) => forge(head, payload, signer(jwk))
    for (const typ of ['AT+JWT', 'application/at+jwt', 'application/AT+jwt'])
      await forger.accepts(t, `typ ${typ}, RFC 9068 §4`, make({ header: { typ } }))
    await forger.accepts(
      t,
      'of two members of one name the last counts, RFC 8259 §4',
      raw(
        `{"alg":"none",${JSON.stringify(header).slice(1)}`,
        `{"exp":1,${JSON.stringify(claims).slice(1)}`,
      ),
    )
    await forger.accepts(
      t,
      'white space and the order of members mean nothing',
      raw(
        JSON.stringify(Object.fromEntries(Object.entries(header).reverse()), null, 2),
        ` \r\n\t${JSON.stringify(claims, null, 2)}`,
      ),
    )

    forger.time.now += (600 + leewaySeconds) * 1000 - 1
    await forger.accepts(t, 'the last millisecond', make())
    forger.time.now += 1
    await forger.refuses(t, 'over', make())
  })
}
