import { randomUUID } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { buildTestApp, goodPassword as password, onEachDatabase, problem } from '../helper.js'
import { cookieOf, from, signupByCookie } from '../support/cookie-client.js'
import { base, createClient, signupByKey } from '../support/dpop-client.js'
import { decode } from '../support/forge.js'
import { athOf } from '../support/prover.js'

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
