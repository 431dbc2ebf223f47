import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createDeviceTokens } from '../../src/tokens/device-token.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { parseKeys } from '../../src/keys/signing-key.js'
import { deviceSeconds } from '../../src/tokens/lifetimes.js'
import { frozenNow } from '../helper.js'
import { kinds } from '../support/hostile-tokens.js'
import { decode, forge, makeJwk, signer } from '../support/forge.js'

const email = 'ada@example.org'
const jwk = makeJwk('ES256')
const time = { now: frozenNow }
const clock = () => time.now
const ring = createKeyRing(
  await parseKeys(JSON.stringify({ keys: [{ ...jwk, iat: 1 }] }), 'test'),
  { publishSeconds: 0, longestTokenSeconds: deviceSeconds, clock },
)
const { issue, find } = createDeviceTokens({ ring, issuer: 'http://localhost:3000', clock })

t.test('a device is known for its address, until its token ends', async (t) => {
  const [one, two] = [issue(email), issue(email)]
  t.equal(find(one, email), decode(one).payload.jti)
  t.not(find(one, email), find(two, email), 'each its own')
  t.not(
    decode(one).payload.bind,
    decode(two).payload.bind,
    'nobody sees that they are of one address',
  )
  t.equal(find(one, 'eve@example.org'), null)
  time.now += (deviceSeconds + 29) * 1000
  t.equal(find(one, email), decode(one).payload.jti)
  time.now += 1000
  t.equal(find(one, email), null)
  time.now = frozenNow
})

t.test('nothing else is a device token', async (t) => {
  const good = issue(email)
  const { header, payload } = decode(good)
  const own = signer(jwk)
  t.equal(payload.aud, 'http://localhost:3000/devices')
  t.ok(find(forge(header, payload, own), email), 'the same, made by hand')
  t.ok(
    find(forge(header, { ...payload, aud: payload.iss }, own), email),
    'one of the version that had the issuer as audience',
  )
  for (const typ of [...kinds.filter((kind) => kind !== 'device+jwt'), 'JWT', undefined])
    t.equal(find(forge({ ...header, typ }, payload, own), email), null, String(typ))
  for (const bind of [
    undefined,
    '',
    '.',
    'x',
    5,
    null,
    `x${String(payload.bind)}`,
    String(payload.bind).split('.')[1],
    `${randomUUID()}.${String(payload.bind).split('.')[1]}`,
  ])
    t.equal(find(forge(header, { ...payload, bind }, own), email), null, String(bind))
  for (const claims of [
    { iss: 'http://else' },
    { aud: 'http://else' },
    { aud: 'http://localhost:3000/links' },
    { jti: undefined },
    { exp: undefined },
  ])
    t.equal(
      find(forge(header, { ...payload, ...claims }, own), email),
      null,
      JSON.stringify(claims),
    )
  for (const token of [
    '',
    'x',
    'a.b.c',
    `${good}=`,
    forge(header, payload, signer(makeJwk('ES256'))),
  ])
    t.equal(find(token, email), null)
})
