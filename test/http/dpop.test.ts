import { randomUUID } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import * as oauth from 'oauth4webapi'
import { calculateThumbprint, generateKeyPair, generateProof } from 'dpop'
import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, problem, type TestApp } from '../helper.js'
import { cookieOf, from, signupByCookie } from '../support/cookie-client.js'
import { decode } from '../support/forge.js'
import { athOf, createProver, type Prover } from '../support/prover.js'
import { listen } from '../support/send.js'

const base = 'http://localhost:3000'
const password = goodPassword

interface Client {
  prover: Prover
  /** The nonce of the last reply. */
  nonce: string | undefined
  /** Sends a request with a proof, as a client of RFC 9449 would. */
  send: (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    options?: { body?: object; token?: string; claims?: Record<string, unknown> },
  ) => Promise<LightMyRequestResponse>
}

function createClient({ call }: Pick<TestApp, 'call'>, prover = createProver()): Client {
  const client: Client = {
    prover,
    nonce: undefined,
    send: async (method, path, { body, token, claims = {} } = {}) => {
      const proof = prover.make({
        htm: method,
        htu: `${base}${path}`,
        ...(client.nonce !== undefined && { nonce: client.nonce }),
        ...(token !== undefined && { ath: athOf(token) }),
        ...claims,
      })
      const reply = await call(method, path, {
        body,
        headers: { dpop: proof, ...(token !== undefined && { authorization: `DPoP ${token}` }) },
      })
      const nonce = reply.headers['dpop-nonce']
      if (nonce !== undefined) client.nonce = String(nonce)
      return reply
    },
  }
  return client
}

/** Signs a new person up with a key, in two rounds: the first only fetches the nonce. */
async function signupByKey(built: TestApp, email = `${randomUUID()}@example.org`) {
  const client = createClient(built)
  const body = { email, password }
  await client.send('POST', '/signup', { body })
  const reply = await client.send('POST', '/signup', { body })
  const { access_token: token, refresh_token: refreshToken, user } = reply.json()
  return { client, reply, token, refreshToken, user, email }
}

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database })
  const { call } = built

  await t.test('each route that returns tokens binds them to the key of the proof', async (t) => {
    const client = createClient(built)
    const person = { email: 'ada@example.org', password }
    const first = await client.send('POST', '/signup', { body: person })
    t.match(problem(t, first, 400, 'use_dpop_nonce'), { error: 'use_dpop_nonce' })
    t.match(first.headers, { 'dpop-nonce': /^[\w-]{43}$/, 'cache-control': 'no-store' })
    t.equal(await built.store.accounts.findByEmail('ada@example.org'), null, 'nothing is stored')

    const created = await client.send('POST', '/signup', { body: person })
    t.equal(created.statusCode, 201)
    t.equal(created.headers['dpop-nonce'], undefined, 'the nonce was current')
    const bound = (reply: LightMyRequestResponse) => {
      const { token_type: type, access_token: access, refresh_token: refresh } = reply.json()
      return [type, decode(access).payload.cnf, decode(refresh).payload.cnf]
    }
    const expected = ['DPoP', { jkt: client.prover.jkt }, { jkt: client.prover.jkt }]
    t.strictSame(bound(created), expected)
    const login = await client.send('POST', '/login', { body: person })
    t.strictSame(bound(login), expected)
    const { access_token: token, refresh_token: refreshToken } = login.json()
    const refreshed = await client.send('POST', '/refresh', {
      body: { refresh_token: refreshToken },
    })
    t.strictSame(bound(refreshed), expected)
    const changed = await client.send('POST', '/password/change', {
      token,
      body: { current_password: password, new_password: `${password}-2` },
    })
    t.strictSame(bound(changed), expected, 'a later step keeps the key')
    t.match((await client.send('GET', '/claims', { token })).json(), {
      cnf: { jkt: client.prover.jkt },
    })
  })

  await t.test('a bound token is worth nothing without its key', async (t) => {
    const { client, token, refreshToken, user } = await signupByKey(built)
    const thief = createClient(built)
    thief.nonce = client.nonce
    t.match((await client.send('GET', '/me', { token })).json(), { id: user.id })

    const asBearer = await call('GET', '/me', { token })
    problem(t, asBearer, 401, 'invalid_token')
    t.match(
      asBearer.headers['www-authenticate'],
      /^DPoP error="invalid_token", .*algs="ES256 EdDSA"$/,
    )
    const inCookie = await call('GET', '/me', { headers: { cookie: `latchkey=${token}` } })
    problem(t, inCookie, 401, 'invalid_token')
    const withoutProof = await call('GET', '/me', { headers: { authorization: `DPoP ${token}` } })
    problem(t, withoutProof, 401, 'invalid_dpop_proof')
    problem(t, await thief.send('GET', '/me', { token }), 401, 'invalid_dpop_proof')

    for (const body of [{ refresh_token: refreshToken }])
      for (const reply of [
        await call('POST', '/refresh', { body }),
        await thief.send('POST', '/refresh', { body }),
        await call('POST', '/refresh', {
          body: { ...body, transport: 'cookie' },
          headers: from(base),
        }),
      ]) {
        t.match(problem(t, reply, 400, 'invalid_dpop_proof'), { error: 'invalid_dpop_proof' })
        t.equal(reply.headers['set-cookie'], undefined)
      }
    const planted = await call('POST', '/refresh', {
      headers: { cookie: `latchkey=${token}; latchkey-refresh=${refreshToken}`, ...from(base) },
    })
    problem(t, planted, 401, 'invalid_refresh_token')
    t.equal(
      (await client.send('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode,
      200,
      'the owner goes on',
    )
  })

  await t.test('a proof is for one request', async (t) => {
    const { client, token } = await signupByKey(built)
    const { prover } = client
    const claims = { htm: 'GET', htu: `${base}/me`, nonce: client.nonce, ath: athOf(token) }
    const outcome = async (proof: string, path = '/me', method: 'GET' | 'PATCH' = 'GET') => {
      const reply = await call(method, path, {
        headers: { dpop: proof, authorization: `DPoP ${token}` },
        ...(method === 'PATCH' && { body: { name: null } }),
      })
      return reply.statusCode < 400 ? reply.statusCode : reply.json().code
    }
    const once = prover.make(claims)
    t.equal(await outcome(once), 200)
    t.equal(await outcome(once), 'invalid_dpop_proof', 'a replay')
    const rows: Array<[string, string, Parameters<typeof outcome>[1]?, 'PATCH'?]> = [
      ['another method', prover.make(claims), '/me', 'PATCH'],
      ['another path', prover.make(claims), '/claims'],
      ['another host', prover.make({ ...claims, htu: 'http://evil.example/me' })],
      ['another token', prover.make({ ...claims, ath: athOf('x') })],
      ['no token', prover.make({ ...claims, ath: undefined })],
      ['10 KB of jti', prover.make({ ...claims, jti: 'x'.repeat(10_240) })],
      ['a symmetric key', prover.make(claims, { header: { ...prover.header, alg: 'HS256' } })],
      ['two headers', `${prover.make(claims)}, ${prover.make(claims)}`],
      ['an empty header', ''],
    ]
    for (const [name, proof, path, method] of rows)
      t.equal(await outcome(proof, path, method), 'invalid_dpop_proof', name)
    t.equal(await outcome(prover.make({ ...claims, htu: `${base}/me?x=1#y` })), 200)
    t.equal(await outcome(prover.make({ ...claims, nonce: 'x' })), 'use_dpop_nonce')
    t.equal(await outcome(prover.make({ ...claims, nonce: undefined })), 'use_dpop_nonce')
    t.equal(
      await outcome(prover.make({ ...claims, iat: 1e9 })),
      200,
      'the clock of a phone is wrong',
    )
  })

  await t.test('challenges', async (t) => {
    const { client, token, email } = await signupByKey(built)
    const { prover } = client
    const noNonce = await call('GET', '/me', {
      headers: {
        authorization: `DPoP ${token}`,
        dpop: prover.make({ htm: 'GET', htu: `${base}/me`, ath: athOf(token) }),
      },
    })
    t.match(problem(t, noNonce, 401, 'use_dpop_nonce'), { error: 'use_dpop_nonce' })
    t.match(
      noNonce.headers['www-authenticate'],
      /^DPoP error="use_dpop_nonce", error_description="[^"]+", algs="ES256 EdDSA"$/,
    )
    t.match(noNonce.headers['dpop-nonce'], /^[\w-]{43}$/)
    const badToken = await client.send('GET', '/me', { token: `${token}x` })
    problem(t, badToken, 401, 'invalid_token')
    t.match(badToken.headers['www-authenticate'], /^DPoP error="invalid_token"/)
    const { access_token: unbound } = await built.signup()
    const asBound = await client.send('GET', '/me', { token: unbound })
    problem(t, asBound, 401, 'invalid_token')
    // A token route that is protected has a challenge too.
    const change = await call('POST', '/password/change', {
      headers: { authorization: `DPoP ${token}`, dpop: 'x' },
      body: { current_password: password, new_password: password },
    })
    problem(t, change, 401, 'invalid_dpop_proof')
    const login = await call('POST', '/login', {
      headers: { dpop: 'x' },
      body: { email, password },
    })
    problem(t, login, 400, 'invalid_dpop_proof')
    t.equal(login.headers['www-authenticate'], undefined)
  })

  await t.test('a request names one way', async (t) => {
    const { client, token } = await signupByKey(built)
    const person = await built.signup()
    const proofFor = (path: string) =>
      client.prover.make({ htm: 'POST', htu: `${base}${path}`, nonce: client.nonce })
    const both = await call('POST', '/login', {
      body: { email: person.user.email, password, transport: 'cookie' },
      headers: { dpop: proofFor('/login'), ...from(base) },
    })
    t.match(problem(t, both, 400, 'invalid_request'), { errors: [{ pointer: '/transport' }] })
    const change = { current_password: password, new_password: `${password}-2` }
    const bearer = await call('POST', '/password/change', {
      token: person.access_token,
      body: change,
      headers: { dpop: proofFor('/password/change') },
    })
    t.match(problem(t, bearer, 400, 'invalid_request'), { errors: [{ pointer: 'dpop' }] })
    const moved = await client.send('POST', '/password/change', {
      token,
      body: { ...change, transport: 'cookie' },
    })
    t.match(problem(t, moved, 400, 'invalid_request'), { errors: [{ pointer: '/transport' }] })
    const { jar } = await signupByCookie(built, `${randomUUID()}@example.org`)
    const cookie = await call('POST', '/refresh', {
      headers: { cookie: cookieOf(jar), dpop: proofFor('/refresh'), ...from(base) },
    })
    t.match(problem(t, cookie, 400, 'invalid_request'), { errors: [{ pointer: '/refresh_token' }] })
    t.equal(cookie.headers['set-cookie'], undefined)
    const upgraded = await client.send('POST', '/refresh', {
      body: { refresh_token: person.refresh_token },
    })
    t.equal(upgraded.json().token_type, 'DPoP', 'an unbound refresh token may be bound')
    t.equal(
      (await call('GET', '/health/live', { headers: { dpop: 'nonsense' } })).statusCode,
      200,
      'elsewhere the header means nothing',
    )
  })

  await t.test('a new address can be confirmed with a bound token', async (t) => {
    const { client, token, email } = await signupByKey(built)
    const address = `new-${email}`
    const asked = await client.send('POST', '/email/change', {
      token,
      body: { new_email: address, password },
    })
    t.equal(asked.statusCode, 202)
    const link = /#token=([\w.-]+)/.exec((await built.nextMail(address, '')).text)?.[1]
    const path = '/email/change/confirm'
    problem(
      t,
      await call('POST', path, {
        body: { token: link },
        headers: { authorization: `DPoP ${token}` },
      }),
      401,
      'invalid_dpop_proof',
    )
    const reply = await client.send('POST', path, { token, body: { token: link } })
    t.match(reply.json(), { email: address })
  })
})

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
  const other = await buildTestApp(t)
  built.ring.replace([other.ring.signingKey(), built.ring.signingKey()])
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
