import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  onEachDatabase,
  type TestApp,
  type TestOptions,
} from '../../helper.js'
import { refusedRefresh } from '../../support/forger.js'
import { decode, forge, makeJwk, signer } from '../../support/forge.js'
import { outcomes } from '../../support/replies.js'
import { operatorOn } from '../../support/accounts.js'

interface Tokens {
  access_token: string
  refresh_token: string
}

const day = 86_400
const sidOf = ({ refresh_token: token }: Tokens) => String(decode(token).payload.sid)

/** A person with a first login, and what they can do. */
async function build(t: Parameters<typeof buildTestApp>[0], options: TestOptions) {
  const test = await buildTestApp(t, { env: { RATE_LIMITS: 'off' }, ...options })
  const { call, stored } = test
  const refresh = async ({ refresh_token: token }: Tokens) =>
    await call('POST', '/refresh', { body: { refresh_token: token } })
  return {
    ...test,
    refresh,
    refreshed: async (tokens: Tokens) => (await refresh(tokens)).json<Tokens>(),
    login: async (email: string) =>
      (await call('POST', '/login', { body: { email, password: goodPassword } })).json<Tokens>(),
    logout: async ({ refresh_token: token }: Pick<Tokens, 'refresh_token'>) =>
      await call('POST', '/logout', { body: { refresh_token: token } }),
    stateOf: async (id: string) => {
      const row = await stored.row(id)
      return [Number(row?.token_epoch), JSON.parse(String(row?.ended_logins)) as unknown[]] as const
    },
  }
}

/** Changes the claims of a token, signed with the key of the server. */
function resign({ jwks }: Pick<TestApp, 'jwks'>, token: string, changes: object): string {
  const { header, payload } = decode(token)
  return forge(header, { ...payload, ...changes }, signer(jwks.keys[0] ?? {}))
}

await onEachDatabase(t, async (t, database) => {
  await t.test('ends every refresh token of one login, and no other login', async (t) => {
    const test = await build(t, { database })
    const { call, login, logout, refresh, refreshed, signup, stateOf, time } = test
    const first = await signup()
    const { user } = first
    const [second, other] = [await login(String(user.email)), await signup()]
    const older = await refreshed(first)
    time.now += 20 * day * 1000
    const newest = await refreshed(older)
    t.equal(sidOf(newest), sidOf(first), 'a refresh keeps the id of the login')
    time.now += 15 * day * 1000
    t.equal((await logout(first)).statusCode, 204, 'with a token that has expired')
    for (const tokens of [first, older, newest])
      refusedRefresh(t, 'a token of the login', await refresh(tokens))
    t.equal((await call('GET', '/claims', { token: newest.access_token })).statusCode, 401, 'old')
    t.strictSame(await stateOf(user.id), [0, [[sidOf(first), time.now / 1000 + 30 * day]]])
    const { access_token: token } = await login(String(user.email))
    t.equal((await call('GET', '/me', { token })).statusCode, 200, 'the account logs in again')
    time.now -= 35 * day * 1000
    for (const tokens of [second, other]) t.equal((await refresh(tokens)).statusCode, 200)
    t.equal((await call('GET', '/me', { token: first.access_token })).statusCode, 200, 'lives out')
    t.strictSame(
      test
        .log()
        .filter(({ event }) => event === 'login.ended')
        .map(({ account }) => account),
      [user.id],
    )
    await logout(newest)
    t.equal(test.log().filter(({ event }) => event === 'login.ended').length, 1, 'once')
  })

  await t.test('an id of another account is nothing without its signature', async (t) => {
    const test = await build(t, { database })
    const { logout, refresh, signup, stateOf } = test
    const [ada, eve] = [await signup(), await signup()]
    const stolen = { sid: sidOf(ada) }
    const { header, payload } = decode(ada.refresh_token)
    for (const token of [
      forge(header, payload, signer(makeJwk('ES256'))),
      // Only the server can sign this. Even then it ends a login of the account that it names.
      resign(test, eve.refresh_token, stolen),
    ])
      t.equal((await logout({ refresh_token: token })).statusCode, 204)
    t.equal((await refresh(ada)).statusCode, 200)
    t.strictSame((await stateOf(ada.user.id))[1], [])
    t.match((await stateOf(eve.user.id))[1], [[stolen.sid]])
  })

  await t.test('twenty logouts of one account at once all count', async (t) => {
    const { login, logout, refresh, signup, stateOf } = await build(t, { database })
    const { user } = await signup()
    const logins = await Promise.all(
      Array.from({ length: 21 }, async () => await login(String(user.email))),
    )
    const [kept, ...left] = logins as [Tokens, ...Tokens[]]
    const replies = await Promise.all(
      // Each twice.
      [...left, ...left].map(async (tokens) => await logout(tokens)),
    )
    t.strictSame(outcomes(replies), { 204: 40 })
    const [epoch, ended] = await stateOf(user.id)
    t.strictSame([epoch, ended.length], [0, 20])
    for (const tokens of left) refusedRefresh(t, 'logged out', await refresh(tokens))
    t.equal((await refresh(kept)).statusCode, 200)
  })

  await t.test('the 51st logout of one account ends every login, also the rest', async (t) => {
    const { logout, login, refresh, signup, stateOf, time } = await build(t, { database })
    const { user } = await signup()
    const email = String(user.email)
    const logins: Tokens[] = []
    for (let index = 0; index < 60; index++) logins.push(await login(email))
    const states = []
    for (const tokens of logins) {
      t.equal((await logout(tokens)).statusCode, 204)
      const [epoch, ended] = await stateOf(user.id)
      states.push(`${epoch} ${ended.length}`)
    }
    t.strictSame(
      [states[0], states[49], states[50], states[51], states[59]],
      ['0 1', '0 50', '1 1', '1 1', '1 1'],
      'the entry of the raised epoch; tokens of the earlier one write nothing',
    )
    for (const tokens of logins) refusedRefresh(t, 'logged out', await refresh(tokens))
    const last = await login(email)
    t.equal((await refresh(last)).statusCode, 200)
    for (let index = 0; index < 9; index++) await logout(await login(email))
    time.now += (30 * day + 299) * 1000
    await logout(await login(email))
    t.equal((await stateOf(user.id))[1].length, 11, 'kept a while longer than the tokens')
    time.now += 1000
    await logout(await login(email))
    t.equal((await stateOf(user.id))[1].length, 3, 'entries past their end are dropped')
  })

  await t.test('a change of the account beside a logout', async (t) => {
    let meanwhile: ((id: string) => Promise<unknown>) | undefined
    const test = await build(t, {
      database,
      wrapStore: (store) => ({
        ...store,
        accounts: {
          ...store.accounts,
          findById: async (id) => {
            const account = await store.accounts.findById(id)
            const change = meanwhile
            meanwhile = undefined
            await change?.(id)
            return account
          },
        },
      }),
    })
    const { login, logout, refresh, signup, stateOf, store } = test
    const ada = await signup()
    const { id, email } = ada.user
    const second = await login(String(email))
    meanwhile = async () => await logout(second)
    t.equal((await logout(ada)).statusCode, 204)
    t.strictSame(
      (await stateOf(id))[1].map((pair) => (pair as string[])[0]),
      [sidOf(second), sidOf(ada)],
    )
    // The list is the same before and after: the comparison cannot see the change.
    await store.accounts.endRefreshTokens(id)
    const [third, fourth] = [await login(String(email)), await login(String(email))]
    meanwhile = async () => {
      await logout(third)
      await store.accounts.endRefreshTokens(id)
    }
    t.equal((await logout(fourth)).statusCode, 204)
    const now = test.time.now / 1000
    t.strictSame(await stateOf(id), [
      2,
      [
        ['every-login', now],
        [sidOf(fourth), now + 30 * day],
      ],
    ])
    for (const tokens of [ada, second, third, fourth])
      refusedRefresh(t, 'all have ended', await refresh(tokens))

    const fifth = await login(String(email))
    meanwhile = async () => await logout(fifth)
    const late = await refresh(fifth)
    t.equal(late.statusCode, 200, 'the refresh read the account before the logout')
    refusedRefresh(t, 'but its tokens are of the same login', await refresh(late.json()))

    for (const change of ['disable', 'delete'] as const) {
      const tokens = await signup()
      meanwhile = async () => await operatorOn(store.accounts)[change](tokens.user.id)
      t.equal((await logout(tokens)).statusCode, 204, change)
      t.equal((await logout(tokens)).statusCode, 204, change)
    }
  })
})
