import * as oauth from 'oauth4webapi'
import { calculateThumbprint, generateKeyPair, generateProof } from 'dpop'
import t from 'tap'
import { generateKey, parseKeys } from '../../src/keys/signing-key.js'
import { buildTestApp, goodPassword as password, problem } from '../helper.js'
import { base, createClient, signupByKey } from '../support/dpop-client.js'
import { decode } from '../support/forge.js'
import { listen } from '../support/send.js'

t.test('proof and nonce are checked before a login is counted or hashed', async (t) => {
  const built = await buildTestApp(t)
  const { user } = await built.signup()
  const client = createClient(built)
  for (let times = 0; times < 30; times++) {
    client.nonce = undefined
    const body = { email: user.email, password: 'wrong-password' }
    problem(t, await client.send('POST', '/login', { body }), 400, 'use_dpop_nonce')
  }
  const reply = await client.send('POST', '/login', { body: { email: user.email, password } })
  t.equal(reply.statusCode, 200)
})

t.test('a thief without the key does not use up the refreshes of the owner', async (t) => {
  const built = await buildTestApp(t)
  const { client, refreshToken } = await signupByKey(built)
  for (let times = 0; times < 400; times++)
    await built.call('POST', '/refresh', { body: { refresh_token: refreshToken } })
  const reply = await client.send('POST', '/refresh', { body: { refresh_token: refreshToken } })
  t.equal(reply.statusCode, 200)
})

t.test('nonces: the next step, replicas with the same keys, a key that was pruned', async (t) => {
  const built = await buildTestApp(t)
  const { client, token } = await signupByKey(built)
  const first = client.nonce
  built.time.now += 60_000
  const reply = await client.send('GET', '/me', { token })
  t.equal(reply.statusCode, 200, 'the last nonce is still accepted')
  t.match(reply.headers['dpop-nonce'], /^[\w-]{43}$/)
  t.not(client.nonce, first, 'and the reply has the current one')
  const replica = await buildTestApp(t, { keys: built.jwks.keys, databaseUrl: built.databaseUrl })
  replica.time.now = built.time.now
  const elsewhere = createClient(replica, client.prover)
  elsewhere.nonce = client.nonce
  t.equal((await elsewhere.send('GET', '/me', { token })).statusCode, 200)
  built.time.now += 180_000
  problem(t, await client.send('GET', '/me', { token }), 401, 'use_dpop_nonce')
  // The oldest key gives the nonces.
  const older = await parseKeys(JSON.stringify({ keys: [await generateKey(1)] }), 'test')
  const own = built.ring.signingKey()
  built.ring.replace([...older, own])
  problem(t, await client.send('GET', '/me', { token }), 401, 'use_dpop_nonce')
  t.equal((await client.send('GET', '/me', { token })).statusCode, 200)
  built.ring.replace([own])
  problem(t, await client.send('GET', '/me', { token }), 401, 'use_dpop_nonce')
})

t.test('clients of the field complete the nonce round', async (t) => {
  const built = await buildTestApp(t)
  const { app } = built
  const { port } = await listen(t, app)
  const url = `http://127.0.0.1:${port}`
  const keys = await generateKeyPair('ES256')
  const body = JSON.stringify({ email: 'ada@example.org', password })
  const signup = async (nonce?: string) =>
    await fetch(`${url}/signup`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        dpop: await generateProof(keys, `${base}/signup`, 'POST', nonce),
      },
      body,
    })
  const first = await signup()
  t.equal(first.status, 400)
  const reply = await signup(String(first.headers.get('dpop-nonce')))
  const { access_token: token, token_type: type } = (await reply.json()) as Record<string, string>
  t.equal(type, 'DPoP')
  t.equal(
    (decode(String(token)).payload as { cnf: { jkt: string } }).cnf.jkt,
    await calculateThumbprint(keys.publicKey),
  )

  const client: oauth.Client = { client_id: 'latchkey' }
  const DPoP = oauth.DPoP(client, keys)
  const ask = async () =>
    await oauth.protectedResourceRequest(
      String(token),
      'GET',
      new URL(`${base}/me`),
      undefined,
      undefined,
      {
        DPoP,
        [oauth.allowInsecureRequests]: true,
        // The server of this test listens on another port than PUBLIC_URL says.
        [oauth.customFetch]: async (_url, options) =>
          await fetch(`${url}/me`, options as RequestInit),
      },
    )
  const error = await ask().catch((error: unknown) => error)
  t.ok(oauth.isDPoPNonceError(error), 'the library knows the error')
  const answer = await ask()
  t.match(await answer.json(), { email: 'ada@example.org' })
})
