import t from 'tap'
import { unusableHash } from '../../../src/unusable-hash.js'
import { buildTestApp, onEachDatabase, problem } from '../../helper.js'

// Of 24 signs, 72 bytes, and a tail. Made by libxcrypt.
const cut = {
  password: `${'\u9577'.repeat(24)}-tail`,
  hash: '$2b$04$CCCCCCCCCCCCCCCCCCCCC.E3nmopMcczclIgtTiSecbM4I0VzDc7e',
}

await onEachDatabase(t, async (t, database) => {
  const { call, store, log } = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const add = async (email: string, passwordHash: string) => {
    await store.accounts.createMany([{ email, passwordHash, name: null, emailVerified: false }])
  }
  const login = async (email: string, password: string) =>
    await call('POST', '/login', { body: { email, password } })

  await t.test(
    'a bcrypt hash of a cut password is kept, so that a typo in the tail locks nobody out',
    async (t) => {
      await add('cut@example.org', cut.hash)
      for (const password of [`${cut.password.slice(0, -1)}x`, cut.password, cut.password])
        t.equal((await login('cut@example.org', password)).statusCode, 200)
      t.equal((await store.accounts.findByEmail('cut@example.org'))?.passwordHash, cut.hash)
      problem(t, await login('cut@example.org', cut.password.slice(1)), 401, 'invalid_credentials')
    },
  )

  await t.test(
    'no password opens an account with an unusable hash, and that is no fault',
    async (t) => {
      const hash = unusableHash()
      await add('none@example.org', hash)
      for (const password of ['', '!', hash, hash.slice(1), cut.password])
        problem(t, await login('none@example.org', password), 401, 'invalid_credentials')
      t.notOk(log().some(({ msg }) => msg === 'unreadable hash'))
    },
  )
})
