import t from 'tap'
import { outcomes } from '../../support/replies.js'
import { buildTestApp, onEachDatabase, pointersOf, problem } from '../../helper.js'
import { listen } from '../../support/send.js'

const type = (value: string) => ({ 'content-type': value })

t.test('POST /logout is 204, whatever comes', async (t) => {
  const { call, signup, app, time, log } = await buildTestApp(t)
  const { access_token: token, refresh_token: refreshToken } = await signup()
  const rows: Array<[string, Parameters<typeof call>[2]]> = [
    ['nothing', {}],
    ['a good token', { token }],
    ['a refresh token', { token: refreshToken }],
    ['a bad token', { token: 'x.y.z' }],
    ['another scheme', { headers: { authorization: 'Basic YTpi' } }],
    ['a body', { body: { refresh_token: refreshToken } }],
    ['no JSON', { body: '{"', headers: type('application/json') }],
    ['an empty JSON body', { body: '', headers: type('application/json') }],
    ['hostile JSON', { body: '{"__proto__":{}}', headers: type('application/json') }],
    ['a form', { body: 'a=b', headers: type('application/x-www-form-urlencoded') }],
    ['text', { body: 'bye', headers: type('text/plain') }],
    ['a strange type', { body: 'bye', headers: type('application/json garbage') }],
    ['more than any body may have', { body: 'x'.repeat(100_000), headers: type('text/plain') }],
    ['a cookie', { headers: { cookie: '__Host-latchkey=x' } }],
  ]
  for (const [name, options] of rows) {
    const { statusCode, body, headers } = await call('POST', '/logout', options)
    t.strictSame(
      [statusCode, body, headers['www-authenticate'], headers['cache-control']],
      [204, '', undefined, 'no-store'],
      name,
    )
  }
  time.now += 86_400_000
  t.equal((await call('POST', '/logout', { token })).statusCode, 204, 'an expired token')
  t.equal((await call('POST', '/logout?all=true')).statusCode, 204)
  problem(t, await call('GET', '/logout'), 405, 'method_not_allowed')
  time.now -= 86_400_000
  t.equal(
    (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode,
    200,
    'it ends nothing but what the client throws away',
  )
  t.notOk(log().some(({ level }) => Number(level) > 30))
  const { send } = await listen(t, app)
  t.equal(
    (
      await send({
        method: 'POST',
        path: '/logout',
        headers: ['authorization', 'Bearer x', 'Authorization', 'Bearer y'],
      })
    ).status,
    204,
  )
})

await onEachDatabase(t, async (t, database) => {
  const { call, signup, stored } = await buildTestApp(t, { database })
  const epoch = async (id: string) => Number((await stored.row(id))?.token_epoch)

  await t.test('POST /logout/everywhere', async (t) => {
    const [ada, eve] = [await signup(), await signup()]
    const { access_token: token, user } = ada
    const everywhere = async (options = {}) =>
      await call('POST', '/logout/everywhere', { token, ...options })
    problem(t, await call('POST', '/logout/everywhere'), 401, 'missing_token')
    problem(
      t,
      await call('POST', '/logout/everywhere', { token: `${token}x` }),
      401,
      'invalid_token',
    )
    t.strictSame(
      pointersOf(await call('POST', '/logout/everywhere?x=1', { token })),
      ['x'],
      'a query',
    )
    t.equal(await epoch(user.id), 0, 'refused calls end no login')

    const { statusCode, body, headers } = await everywhere()
    t.strictSame([statusCode, body, headers['cache-control']], [204, '', 'no-store'], 'the reply')
    t.strictSame([await epoch(user.id), await epoch(eve.user.id)], [1, 0], 'epochs after one')
    for (const options of [
      { body: {} },
      { body: '', headers: type('application/json') },
      { body: 'x', headers: type('text/plain') },
    ])
      t.equal((await everywhere(options)).statusCode, 204, `ignores ${JSON.stringify(options)}`)
    t.equal(await epoch(user.id), 4, 'the epoch after four')
    const replies = await Promise.all(Array.from({ length: 20 }, async () => await everywhere()))
    t.strictSame(outcomes(replies), { 204: 20 }, 'twenty at once')
    t.equal(await epoch(user.id), 24, 'each of twenty at once counts')
    t.strictSame(
      (await call('GET', '/me', { token })).json(),
      user,
      'what the account shows has not changed',
    )

    await stored.disable(user.id)
    problem(t, await everywhere(), 403, 'forbidden')
    await stored.delete(user.id)
    problem(t, await everywhere(), 401, 'invalid_token')
  })
})
