import t from 'tap'
import { outcomes } from '../../support/replies.js'
import { buildTestApp, onEachDatabase, pointersOf, problem } from '../../helper.js'

const type = (value: string) => ({ 'content-type': value })

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
