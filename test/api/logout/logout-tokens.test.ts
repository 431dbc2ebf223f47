import t from 'tap'
import { limits } from '../../../src/limits/table.js'
import { generateKey } from '../../../src/keys/signing-key.js'
import { buildTestApp, frozenNow, problem, type TestApp } from '../../helper.js'
import { decode, forge, signer } from '../../support/forge.js'
import { refusedRefresh } from '../../support/forger.js'
import { outcomes } from '../../support/replies.js'

const day = 86_400

async function refresh({ call }: Pick<TestApp, 'call'>, token: string) {
  return await call('POST', '/refresh', { body: { refresh_token: token } })
}

/** Asserts 204. Returns the ended logins of the only account. */
async function logout(test: TestApp, options: Parameters<TestApp['call']>[2]): Promise<string> {
  const { statusCode } = await test.call('POST', '/logout', options)
  if (statusCode !== 204) throw new Error(`logout responded ${statusCode}`)
  return String((await test.stored.rows())[0]?.ended_logins)
}

/** Changes the claims of a token, signed with the first key of the server. */
function resign({ jwks }: TestApp, token: string, changes: object): string {
  const { header, payload } = decode(token)
  return forge(header, { ...payload, ...changes }, signer(jwks.keys[0] ?? {}))
}

t.test('a token of an earlier version names no login, and refreshes as before', async (t) => {
  const test = await buildTestApp(t)
  const tokens = await test.signup()
  const [access, former] = [tokens.access_token, tokens.refresh_token].map((token) =>
    resign(test, token, { sid: undefined }),
  ) as [string, string]
  t.equal(await logout(test, { token: access }), '[]')
  t.equal(await logout(test, { body: { refresh_token: former } }), '[]')
  const replies = [await refresh(test, former), await refresh(test, former)]
  t.strictSame(outcomes(replies), { 200: 2 })
  const [one, other] = replies.map((reply) => String(reply.json().refresh_token)) as [
    string,
    string,
  ]
  t.not(decode(one).payload.sid, decode(other).payload.sid, 'each gets a login of its own')
  await logout(test, { body: { refresh_token: one } })
  refusedRefresh(t, 'logged out', await refresh(test, one))
  t.strictSame(outcomes([await refresh(test, other), await refresh(test, former)]), { 200: 2 })
})

t.test('a token of a retired key counts while the key verifies', async (t) => {
  const now = Math.floor(frozenNow / 1000)
  const [retired, current] = [await generateKey(now - 30 * day), await generateKey(now - day)]
  const before = await buildTestApp(t, { keys: [retired] })
  const { databaseUrl } = before
  const tokens = await before.signup()
  const removed = await buildTestApp(t, { databaseUrl, keys: [current] })
  t.equal(await logout(removed, { token: tokens.access_token }), '[]')
  t.equal((await refresh(before, tokens.refresh_token)).statusCode, 200)
  const rotated = await buildTestApp(t, { databaseUrl, keys: [retired, current] })
  t.match(
    await logout(rotated, { token: tokens.access_token }),
    decode(tokens.access_token).payload.sid,
  )
  refusedRefresh(t, 'logged out', await refresh(before, tokens.refresh_token))
})

t.test('a bound token needs no proof, and what it ends', async (t) => {
  const test = await buildTestApp(t)
  const { access_token: token, refresh_token: refreshToken } = await test.signup()
  const bound = resign(test, token, { cnf: { jkt: 'x'.repeat(43) } })
  t.match(await logout(test, { headers: { authorization: `DPoP ${bound}` } }), /^\[\["/)
  refusedRefresh(t, 'logged out', await refresh(test, refreshToken))
})

t.test('an entry lives as long as the refresh tokens of its login can', async (t) => {
  const test = await buildTestApp(t)
  const start = frozenNow / 1000
  const ends = []
  for (const after of [0, 59, 61, 89, 90, 200]) {
    test.time.now = frozenNow
    const { refresh_token: token } = await test.signup()
    test.time.now += after * day * 1000
    t.equal(
      (await test.call('POST', '/logout', { body: { refresh_token: token } })).statusCode,
      204,
    )
    const ended = JSON.parse(String((await test.stored.rows()).at(-1)?.ended_logins))
    ends.push([after, ended.map(([, end]: [string, number]) => (end - start) / day)])
    await test.stored.deleteAll()
  }
  t.strictSame(ends, [
    [0, [30]],
    [59, [89]],
    [61, [90]],
    [89, [90]],
    [90, []],
    [200, []],
  ])
})

t.test('an ended login does not use up the refreshes of the owner', async (t) => {
  const test = await buildTestApp(t)
  const { refresh_token: stolen, user } = await test.signup()
  const { refresh_token: own } = (
    await test.call('POST', '/login', {
      body: { email: user.email, password: 'brass-lantern-under-the-stair' },
    })
  ).json<{ refresh_token: string }>()
  await logout(test, { body: { refresh_token: stolen } })
  const { calls } = limits['refresh-account']
  for (let index = 0; index < 2 * calls; index++)
    problem(t, await refresh(test, stolen), 401, 'invalid_refresh_token')
  t.equal((await refresh(test, own)).statusCode, 200)
})

t.test('a list that changes at each try is 503', async (t) => {
  let tries = 0
  const test = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        endLogin: async () => {
          tries++
          return false
        },
      },
    }),
  })
  const { access_token: token } = await test.signup()
  problem(t, await test.call('POST', '/logout', { token }), 503, 'unavailable')
  t.equal(tries, 100)
  t.notOk(test.log().some(({ event }) => event === 'login.ended'))
})
