import t, { type Test } from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, type TestOptions } from '../helper.js'

interface Tokens {
  access_token: string
  refresh_token: string
}

const newPassword = 'a-second-lantern-on-the-landing'

/**
 * An attacker knew the password, and kept the tokens of more logins than the list of ended
 * logins has places for. The owner has changed the password since.
 */
async function build(t: Test, options: TestOptions) {
  let writes = 0
  const test = await buildTestApp(t, {
    env: { RATE_LIMITS: 'off' },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        endLogin: async (...given) => {
          writes++
          return await store.accounts.endLogin(...given)
        },
      },
    }),
    ...options,
  })
  const { call, signup, stored } = test
  const { user } = await signup()
  const logIn = async (password: string) => {
    const reply = await call('POST', '/login', { body: { email: user.email, password } })
    return reply.json<Tokens>()
  }
  const kept = await Promise.all(Array.from({ length: 51 }, async () => await logIn(goodPassword)))
  return {
    ...test,
    kept,
    logIn,
    writes: () => writes,
    changePassword: async () => {
      const { access_token: token } = await logIn(goodPassword)
      const body = { current_password: goodPassword, new_password: newPassword }
      return (await call('POST', '/password/change', { token, body })).json<Tokens>()
    },
    refresh: async ({ refresh_token: token }: Tokens) =>
      (await call('POST', '/refresh', { body: { refresh_token: token } })).statusCode,
    epoch: async () => Number((await stored.row(user.id))?.token_epoch),
  }
}

await onEachDatabase(t, async (t, database) => {
  await t.test('refresh tokens of an earlier epoch end nothing', async (t) => {
    const { call, kept, changePassword, refresh, epoch, writes } = await build(t, { database })
    const own = await changePassword()
    for (const { refresh_token: token } of kept) {
      const reply = await call('POST', '/logout', { body: { refresh_token: token } })
      t.equal(reply.statusCode, 204)
    }
    t.strictSame([await refresh(own), await epoch(), writes()], [200, 1, 0])
  })

  await t.test('nor do access tokens of logins before the epoch was raised', async (t) => {
    const { call, kept, changePassword, refresh, epoch, writes, time } = await build(t, {
      database,
    })
    time.now += 31_000
    const own = await changePassword()
    time.now += 86_400_000
    for (const { access_token: token } of kept)
      t.equal((await call('POST', '/logout', { token })).statusCode, 204)
    t.strictSame([await refresh(own), await epoch(), writes()], [200, 1, 0])
  })

  await t.test('logins of the last moment end the others once at most', async (t) => {
    const { call, kept, changePassword, logIn, refresh, epoch, time } = await build(t, { database })
    await changePassword()
    time.now += 31_000
    for (const { access_token: token } of kept) await call('POST', '/logout', { token })
    t.equal(await epoch(), 2, 'clocks of servers may differ by 30 seconds')
    const own = await logIn(newPassword)
    for (let round = 0; round < 2; round++)
      for (const { access_token: token } of kept) await call('POST', '/logout', { token })
    t.strictSame([await refresh(own), await epoch()], [200, 2])
  })
})
