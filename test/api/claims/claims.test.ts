import t from 'tap'
import { buildTestApp, onEachDatabase, pointers, problem } from '../../helper.js'

await onEachDatabase(t, async (t, database) => {
  const { call, signup, store, config, time, stored } = await buildTestApp(t, {
    database,
    env: { TOKEN_AUDIENCE: 'urn:example:api' },
  })
  const { access_token: token, user } = await signup()

  await t.test('what the token says', async (t) => {
    const reply = await call('GET', '/claims', { token })
    t.equal(reply.statusCode, 200)
    t.match(reply.headers, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      // Always there, so that a proxy overwrites forged ones.
      'x-latchkey-subject': user.id,
      'x-latchkey-roles': '',
    })
    const { jti, sid, ...claims } = reply.json()
    const iat = Math.floor(time.now / 1000)
    t.match(jti, /^[0-9a-f-]{36}$/)
    t.match(sid, /^[\w-]{22}$/)
    t.strictSame(claims, {
      iss: config.PUBLIC_URL,
      sub: user.id,
      aud: 'urn:example:api',
      iat,
      exp: iat + 600,
      auth_time: iat,
      client_id: 'latchkey',
    })
  })

  await t.test('refusals', async (t) => {
    problem(t, await call('GET', '/claims'), 401, 'missing_token')
    problem(t, await call('GET', '/claims', { token: `${token}x` }), 401, 'invalid_token')
    problem(t, await call('GET', `/claims?access_token=${token}`), 401, 'missing_token')
    t.strictSame(pointers(t, await call('GET', '/claims?verbose=1', { token })), ['verbose'])
    t.strictSame(pointers(t, await call('GET', '/claims?__proto__=1', { token })), ['__proto__'])
  })

  await t.test('GET /claims needs no database and no account', async (t) => {
    await stored.deleteAll()
    await store.close()
    const reply = await call('GET', '/claims', { token })
    t.strictSame([reply.statusCode, reply.json().sub], [200, user.id], 'the claims')
  })
})
