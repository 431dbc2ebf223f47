import pg from 'pg'
import t, { type Test } from 'tap'
import { buildTestApp, freshDatabase, query } from '../helper.js'
import { clusterUrl } from '../support/cluster.js'
import { migrate } from '../support/migrated.js'
import { startPooler } from '../support/pgbouncer.js'
import { holdsSoon } from '../support/redis.js'
import { startProxy } from '../support/tcp-proxy.js'

const direct = await migrate(await freshDatabase(t, 'postgresql'))
const proxy = await startProxy(Number(new URL(direct).port))
const name = new URL(direct).pathname.slice(1)
const role = `pooled_${crypto.randomUUID().slice(0, 8)}`
await query(
  direct,
  `CREATE ROLE ${role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`,
)
const pooler = await startPooler(
  t,
  Object.assign(new URL(direct), { port: String(proxy.port) }).href,
  {
    user: role,
    settings: {
      max_client_conn: '12',
      query_wait_timeout: '1.2',
      query_timeout: '1.3',
      server_login_retry: '0.1',
    },
  },
)
t.teardown(async () => {
  proxy.close()
  await query(direct, `DROP OWNED BY ${role}`)
  await query(clusterUrl(), `DROP ROLE ${role}`)
})

if (pooler !== null) {
  const { call, signup, store, logText } = await buildTestApp(t, {
    databaseUrl: pooler.url,
    env: { RATE_LIMITS: 'off' },
  })
  const { access_token: token } = await signup()
  const me = async () => await call('GET', '/me', { token })
  const works = async () => (await me()).statusCode === 200

  /** Sends requests until PgBouncer said something. Every refusal must be 503. */
  async function says(t: Test, words: RegExp, send = me) {
    const wrong: string[] = []
    const begin = logText().length
    const isSaid = async () => {
      for (const { statusCode, headers, body } of await Promise.all([send(), send()])) {
        const isRight = statusCode === 503 && /^\d+$/.test(String(headers['retry-after']))
        if (statusCode !== 200 && statusCode !== 201 && !isRight) wrong.push(body)
      }
      return words.test(logText().slice(begin))
    }
    t.ok(await holdsSoon(isSaid), String(words))
    t.strictSame(wrong, [])
  }

  t.test('PgBouncer is paused: query_wait_timeout', async (t) => {
    await pooler.command(`PAUSE ${name}`)
    await says(t, /query_wait_timeout/)
    await pooler.command(`RESUME ${name}`)
    t.ok(await holdsSoon(works))
  })

  t.test('a statement is too slow: query_timeout', async (t) => {
    const holder = new pg.Client({ connectionString: direct })
    await holder.connect()
    await holder.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
    await says(t, /query timeout/)
    await holder.end()
    t.ok(await holdsSoon(works))
  })

  t.test('it has no place for more clients: max_client_conn', async (t) => {
    const others: pg.Client[] = []
    for (let count = 0; count < 12; count++) {
      const client = new pg.Client({ connectionString: pooler.url })
      client.on('error', () => {})
      await client.connect().then(
        () => others.push(client),
        () => {},
      )
    }
    t.ok(others.length > 0)
    // Reads of one account would share a statement.
    const rename = async () => await call('PATCH', '/me', { token, body: { name: 'Ada' } })
    const many = async () => {
      const replies = await Promise.all(Array.from({ length: 12 }, rename))
      return replies.find(({ statusCode }) => statusCode !== 200) ?? (await rename())
    }
    await says(t, /no more connections allowed/, many)
    for (const client of others) await client.end()
    t.ok(await holdsSoon(works))
  })

  t.test('the database refuses its login', async (t) => {
    await query(direct, `ALTER ROLE ${role} NOLOGIN`)
    await query(
      direct,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`,
    )
    await says(t, /server login (has been )?fail|not permitted to log in/)
    await query(direct, `ALTER ROLE ${role} LOGIN`)
    t.ok(await holdsSoon(works))
  })

  t.test('the database is away, or its connections break', async (t) => {
    const { port } = new URL(direct)
    proxy.leadTo(1)
    proxy.reset()
    await says(t, /server conn crashed|cannot connect to server|server_login_retry|login/)
    proxy.leadTo(Number(port))
    t.ok(await holdsSoon(works))
    proxy.blackHole(true)
    await says(t, /query timeout|Query read timeout|query_wait_timeout/)
    proxy.blackHole(false)
    // Otherwise PgBouncer waits for its new connections.
    proxy.reset()
    t.ok(await holdsSoon(works))
  })

  t.test('the operator disables the database, ends it, or shuts the pooler down', async (t) => {
    await pooler.command(`DISABLE ${name}`)
    await pooler.command(`KILL ${name}`)
    await says(t, /does not allow connections|is disabled|paused|terminat|closed/)
    await pooler.command(`ENABLE ${name}`)
    await pooler.command(`RESUME ${name}`)
    t.ok(await holdsSoon(works))
    await pooler.command('SHUTDOWN').catch(() => {})
    await says(t, /reach database server/)
    await pooler.start()
    t.ok(await holdsSoon(works))
    await store.ping()
  })
}
