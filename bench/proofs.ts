// Measures how long it takes to verify a DPoP proof, in one process without HTTP.
import {
  createECDH,
  createHash,
  createPrivateKey,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'
import { createKeyRing } from '../src/keys/key-ring.js'
import { generateKey, parseKeys } from '../src/keys/signing-key.js'
import { createDpopProofs, type DpopProofs } from '../src/tokens/dpop-proof.js'
import { median } from './statistics.js'

const rounds = 9
const proofsARound = 500
const request = {
  method: 'GET',
  url: 'https://auth.example.org/claims',
  accessToken: 'x'.repeat(700),
}
const ath = createHash('sha256').update(request.accessToken).digest('base64url')

/**
 * Returns the median over the rounds for each kind of proof, in milliseconds a proof. CPU time
 * leaves out other work of the machine.
 */
export async function measureProofs(): Promise<Record<string, object>> {
  const now = Date.now()
  const ring = createKeyRing(
    await parseKeys(JSON.stringify({ keys: [await generateKey(1)] }), 'the bench'),
    { publishSeconds: 0, longestTokenSeconds: 3600, clock: () => now },
  )
  const proofs = createDpopProofs({ ring, clock: () => now })
  const ed = await generateKey(1, { alg: 'EdDSA' })
  const ec = newKey()
  const kinds: Record<string, () => string> = {
    'a DPoP proof, ES256, key seen before': () => prove(proofs, 'ES256', ec),
    'a DPoP proof, EdDSA, key seen before': () => prove(proofs, 'EdDSA', ed),
    'a DPoP proof, ES256, new key': () => prove(proofs, 'ES256', newKey()),
  }
  const results: Record<string, Array<{ time: number; cpu: number }>> = {}
  for (let round = -1; round < rounds; round++)
    for (const [name, make] of Object.entries(kinds)) {
      const made = Array.from({ length: proofsARound }, make)
      const [begin, cpuBefore] = [performance.now(), process.cpuUsage()]
      for (const proof of made) proofs.verify(proof, request)
      const time = (performance.now() - begin) / proofsARound
      const { user, system } = process.cpuUsage(cpuBefore)
      const cpu = (user + system) / 1000 / proofsARound
      if (round >= 0) (results[name] ??= []).push({ time, cpu })
    }
  return Object.fromEntries(
    Object.entries(results).map(([name, list]) => [
      name,
      {
        'ms a proof': median(list.map(({ time }) => time)).toFixed(3),
        'CPU ms a proof': median(list.map(({ cpu }) => cpu)).toFixed(3),
      },
    ]),
  )
}

function prove(proofs: DpopProofs, alg: 'ES256' | 'EdDSA', jwk: Record<string, unknown>): string {
  const { kty, crv, x, y } = jwk
  const header = { typ: 'dpop+jwt', alg, jwk: { kty, crv, x, y } }
  const claims = {
    jti: randomUUID(),
    htm: request.method,
    htu: request.url,
    iat: 1,
    ath,
    nonce: proofs.currentNonce(),
  }
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign(alg === 'ES256' ? 'sha256' : null, Buffer.from(input), {
    key: privateKeyOf(jwk),
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}

const imported = new WeakMap<object, KeyObject>()

function privateKeyOf(jwk: Record<string, unknown>): KeyObject {
  const key = imported.get(jwk) ?? createPrivateKey({ key: jwk, format: 'jwk' })
  imported.set(jwk, key)
  return key
}

function newKey(): Record<string, unknown> {
  const pair = createECDH('prime256v1')
  const point = pair.generateKeys()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)]
  const d = pair.getPrivateKey().toString('hex').padStart(64, '0')
  return {
    kty: 'EC',
    crv: 'P-256',
    x: x.toString('base64url'),
    y: y.toString('base64url'),
    d: Buffer.from(d, 'hex').toString('base64url'),
  }
}
