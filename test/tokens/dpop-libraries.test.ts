import { calculateThumbprint, generateKeyPair, generateProof } from 'dpop'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { parseKeys } from '../../src/keys/signing-key.js'
import { createDpopProofs } from '../../src/tokens/dpop-proof.js'
import { frozenNow } from '../helper.js'
import { makeJwk } from '../support/forge.js'

const time = { now: frozenNow }
const clock = () => time.now
const ring = createKeyRing(await parseKeys(JSON.stringify({ keys: [makeJwk('ES256')] }), 'test'), {
  publishSeconds: 0,
  longestTokenSeconds: 60,
  clock,
})
const issuer = 'https://auth.example.org'
const accessToken = 'a.good.token'
/** A server that only verifies proofs, with a memory of its own. */
function serve() {
  const proofs = createDpopProofs({ ring, clock })
  const seen: string[] = []
  const respond = async (url: string, init: oauth.CustomFetchOptions<string, unknown>) => {
    const headers = new Headers(init.headers)
    const isTokenRoute = new URL(url).pathname === '/token'
    try {
      const { jkt, isNonceCurrent } = proofs.verify(headers.get('dpop') ?? '', {
        method: init.method,
        url,
        ...(!isTokenRoute && { accessToken: headers.get('authorization')?.split(' ')[1] }),
      })
      seen.push(isNonceCurrent ? 'ok' : 'ok, old nonce')
      return Response.json(
        isTokenRoute ? { access_token: accessToken, token_type: 'DPoP', expires_in: 60 } : { jkt },
        { headers: isNonceCurrent ? {} : { 'dpop-nonce': proofs.currentNonce() } },
      )
    } catch (error) {
      const { code } = error as Problem
      seen.push(code)
      return Response.json(
        { error: code },
        {
          status: isTokenRoute ? 400 : 401,
          headers: {
            'dpop-nonce': proofs.currentNonce(),
            ...(!isTokenRoute && {
              'www-authenticate': `DPoP error="${code}", algs="ES256 EdDSA"`,
            }),
          },
        },
      )
    }
  }
  return { seen, respond, proofs }
}

/** Calls again, once, if the library says that the nonce is the reason. */
async function withNonce<T>(call: () => Promise<T>): Promise<T> {
  return await call().catch(async (error: unknown) => {
    if (!oauth.isDPoPNonceError(error)) throw error
    return await call()
  })
}

t.test('proofs of the package dpop are accepted', async (t) => {
  const { proofs } = serve()
  const keys = await generateKeyPair('ES256')
  const nonce = proofs.currentNonce()
  const jkt = await calculateThumbprint(keys.publicKey)
  const login = await generateProof(keys, `${issuer}/login`, 'POST', nonce)
  t.strictSame(proofs.verify(login, { method: 'POST', url: `${issuer}/login` }), {
    jkt,
    isNonceCurrent: true,
  })
  const me = await generateProof(keys, `${issuer}/me`, 'GET', nonce, accessToken)
  const request = { method: 'GET', url: `${issuer}/me?x=y`, accessToken }
  t.equal(proofs.verify(me, request).jkt, jkt)
  t.throws(() => proofs.verify(me, request), { code: 'invalid_dpop_proof' }, 'a replay')
  const without = await generateProof(keys, `${issuer}/me`, 'GET', undefined, accessToken)
  t.throws(() => proofs.verify(without, request), { code: 'use_dpop_nonce' })
})

t.test('RSA is not accepted from the package dpop', async (t) => {
  const { proofs } = serve()
  for (const alg of ['RS256', 'PS256'] as const) {
    const proof = await generateProof(
      await generateKeyPair(alg),
      `${issuer}/login`,
      'POST',
      proofs.currentNonce(),
    )
    t.throws(
      () => proofs.verify(proof, { method: 'POST', url: `${issuer}/login` }),
      { code: 'invalid_dpop_proof' },
      alg,
    )
  }
})

for (const alg of ['ES256', 'Ed25519'])
  t.test(`oauth4webapi completes the nonce round, ${alg}`, async (t) => {
    const { seen, respond } = serve()
    const client: oauth.Client = { client_id: 'app' }
    const server = { issuer, token_endpoint: `${issuer}/token` }
    const keys = await oauth.generateKeyPair(alg)
    const DPoP = oauth.DPoP(client, keys)
    const options = { DPoP, [oauth.customFetch]: respond as never }
    const getToken = async () =>
      await oauth.processClientCredentialsResponse(
        server,
        client,
        await oauth.clientCredentialsGrantRequest(server, client, oauth.None(), {}, options),
      )
    const getJkt = async () => {
      const url = new URL(`${issuer}/me?x=y`)
      const response = await oauth.protectedResourceRequest(
        accessToken,
        'GET',
        url,
        undefined,
        undefined,
        options,
      )
      return ((await response.json()) as { jkt: string }).jkt
    }
    t.match(await withNonce(getToken), { access_token: accessToken, token_type: 'dpop' })
    t.strictSame(seen.splice(0), ['use_dpop_nonce', 'ok'], 'a token, with the nonce')
    t.equal(await withNonce(getJkt), await DPoP.calculateThumbprint())
    t.strictSame(seen.splice(0), ['ok'], 'the nonce is known')
    time.now += 120_000
    await withNonce(getJkt)
    await withNonce(getJkt)
    t.strictSame(seen.splice(0), ['ok, old nonce', 'ok'], 'renewed by a reply')
    time.now += 3600_000
    await withNonce(getJkt)
    t.strictSame(seen.splice(0), ['use_dpop_nonce', 'ok'], 'renewed by a challenge')
    await withNonce(getToken)
    t.strictSame(seen.splice(0), ['ok'])
    time.now = frozenNow
  })
