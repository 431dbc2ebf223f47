import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { createNoteLogin } from '../../src/account/last-login.js'
import { buildTestApp, frozenNow, goodPassword, onEachDatabase } from '../helper.js'
import { createAdminFlow } from '../support/admins.js'

const hour = 3_600_000

async function until(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !isTrue(); tries++) await wait(5)
}

await onEachDatabase(t, async (t, database) => {
  await t.test('a sign-up and a login note their time, at most once an hour', async (t) => {
    let written = 0
    const built = await buildTestApp(t, {
      database,
      wrapStore: (store) => ({
        ...store,
        accounts: {
          ...store.accounts,
          recordLogin: async (id) => {
            await store.accounts.recordLogin(id)
            written++
          },
        },
      }),
    })
    const { signup, store, time } = built
    const { login } = createAdminFlow(built)
    const { user } = await signup()
    const lastLogin = async () => (await store.accounts.findById(user.id))?.lastLoginAt?.getTime()
    t.equal(await lastLogin(), frozenNow, 'the sign-up')
    time.now += hour - 1
    await login(user.email)
    await login(user.email, 'wrong')
    await wait(20)
    t.strictSame([written, await lastLogin()], [0, frozenNow], 'within the hour')
    time.now += 2
    await login(user.email, 'wrong')
    await login(user.email)
    await until(() => written > 0)
    t.strictSame([written, await lastLogin()], [1, time.now])
  })

  await t.test('a failure does not fail the login, nor the end of the server', async (t) => {
    let asked = 0
    const built = await buildTestApp(t, {
      database,
      env: { LOG_LEVEL: 'debug' },
      wrapStore: (store) => ({
        ...store,
        accounts: {
          ...store.accounts,
          recordLogin: async () => {
            asked++
            throw new Error('the database is away')
          },
        },
      }),
    })
    const { app, signup, time, log } = built
    const { user } = await signup()
    time.now += 2 * hour
    t.equal((await createAdminFlow(built).login(user.email)).statusCode, 200)
    await until(() => asked > 0)
    await wait(5)
    t.match(
      log().find(({ msg }) => msg === 'the time of a login was not noted'),
      { level: 20 },
    )
    time.now += 2 * hour
    const body = { email: user.email, password: goodPassword }
    await app.inject({ method: 'POST', url: '/login', payload: body })
    await app.close()
    t.pass('the server has ended')
  })

  await t.test('a server that closes at the same time ends', async (t) => {
    const { app, signup, time } = await buildTestApp(t, { database })
    const { user } = await signup()
    time.now += 2 * hour
    const payload = { email: user.email, password: goodPassword }
    const replies = await Promise.all(
      Array.from(
        { length: 5 },
        async () => await app.inject({ method: 'POST', url: '/login', payload }),
      ),
    )
    await app.close()
    t.ok(replies.every(({ statusCode }) => statusCode === 200))
    await wait(50)
  })
})

t.test('an account that has a time of this hour is not asked about', async (t) => {
  const asked: string[] = []
  const accounts = {
    recordLogin: async (id: string) => {
      asked.push(id)
    },
  }
  const note = createNoteLogin({ accounts, clock: () => hour + 1, logger: { debug: () => {} } })
  note({ id: 'now', lastLoginAt: new Date(1) })
  note({ id: 'never', lastLoginAt: null })
  note({ id: 'earlier', lastLoginAt: new Date(0) })
  await wait(5)
  t.strictSame(asked, ['never', 'earlier'])
})
