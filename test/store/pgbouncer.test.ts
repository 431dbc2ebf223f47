import t from 'tap'
import { DatabaseError } from '../../src/store/database-error.js'
import { migrateStore, openStore } from '../../src/store/open-store.js'
import { buildTestApp, freshDatabase, goodPassword } from '../helper.js'
import { startPooler } from '../support/pgbouncer.js'
import { holdsSoon } from '../support/redis.js'

const direct = await freshDatabase(t, 'postgresql')
const pooler = await startPooler(t, direct)
if (pooler !== null) {
  const { url, kill, start } = pooler

  t.test('a migration through the pooler is refused, and goes past it', async (t) => {
    const refusal = await migrateStore(url, () => {}).catch((error: unknown) => error)
    t.ok(refusal instanceof DatabaseError)
    t.match(String(refusal), 'MIGRATE_DATABASE_URL')
    const store = await openStore(url, { autoMigrate: true, migrateUrl: direct, clock: Date.now })
    await store.ping()
    await store.close()
    t.same((await migrateStore(url, () => {}, direct)).applied, [])
  })

  t.test('the server works through the pooler, also after it was restarted', async (t) => {
    const { call, signup, store } = await buildTestApp(t, { databaseUrl: url })
    const people = Array.from({ length: 20 }, (_, index) => `p${index}@example.org`)
    const tokens = await Promise.all(people.map(async (email) => await signup({ email })))
    const me = async () =>
      await Promise.all(
        tokens.map(async ({ access_token: token }) => await call('GET', '/me', { token })),
      )
    t.same(
      (await me()).map((reply) => reply.json<{ email: string }>().email),
      people,
    )
    await kill()
    const away = await me()
    t.same([...new Set(away.map(({ statusCode }) => statusCode))], [503])
    await start()
    t.ok(
      await holdsSoon(
        async () =>
          await store.ping().then(
            () => true,
            () => false,
          ),
      ),
    )
    t.same(
      (await me()).map((reply) => reply.json<{ email: string }>().email),
      people,
    )
    const again = await call('POST', '/login', {
      body: { email: people[0], password: goodPassword },
    })
    t.equal(again.statusCode, 200)
  })
}
