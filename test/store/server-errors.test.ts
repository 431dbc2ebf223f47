import pg from 'pg'
import t, { type Test } from 'tap'
import { buildTestApp, goodPassword, problem, query, type TestApp } from '../helper.js'
import { clusterUrl } from '../support/cluster.js'
import { holdsSoon } from '../support/redis.js'

/**
 * Lets PostgreSQL itself fail each statement on the accounts with the SQLSTATE in the table
 * `fault`, whatever the statement is.
 */
const faulty = `
  CREATE TABLE fault (code text);
  CREATE FUNCTION fail() RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE state text := (SELECT code FROM fault);
    BEGIN
      IF state IS NOT NULL THEN RAISE EXCEPTION 'x' USING ERRCODE = state; END IF;
      RETURN true;
    END $$;
  CREATE FUNCTION fail_write() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM fail(); RETURN NULL; END $$;
  ALTER TABLE users RENAME TO stored_users;
  CREATE TRIGGER fail BEFORE INSERT OR UPDATE OR DELETE ON stored_users
    EXECUTE FUNCTION fail_write();
  CREATE VIEW users AS SELECT * FROM stored_users WHERE (SELECT fail())`

/** What PostgreSQL says when it cannot serve now. The message is no help here: it is `x`. */
const states: Record<string, string> = {
  '08000': 'connection exception',
  '08006': 'connection failure',
  '08P01': 'protocol violation, a pooler’s words',
  '25006': 'read only',
  '25P03': 'idle transaction ended',
  '40001': 'serialization failure',
  '40P01': 'deadlock',
  '53000': 'insufficient resources',
  '53100': 'disk full',
  '53200': 'out of memory',
  '53300': 'too many connections',
  '55000': 'database accepts no connections',
  '55006': 'object in use',
  '55P03': 'lock not available',
  '57014': 'canceled',
  '57P01': 'admin shutdown',
  '57P02': 'crash shutdown',
  '57P03': 'cannot connect now',
  '57P04': 'database dropped',
  '57P05': 'idle session timeout',
  '58000': 'system error',
  '58030': 'I/O error',
}

const password = goodPassword
const env = { RATE_LIMITS: 'off' }

/** Calls that read or write the account, by their names. */
function callsOf({ call }: TestApp, tokens: { access_token: string; refresh_token: string }) {
  const { access_token: token } = tokens
  return {
    'GET /me': async () => await call('GET', '/me', { token }),
    'GET /health/ready': async () => await call('GET', '/health/ready'),
    'POST /login': async () =>
      await call('POST', '/login', { body: { email: 'ada@example.org', password } }),
    'POST /refresh': async () =>
      await call('POST', '/refresh', { body: { refresh_token: tokens.refresh_token } }),
    'POST /signup': async () =>
      await call('POST', '/signup', {
        body: { email: `${crypto.randomUUID()}@example.org`, password },
      }),
    'PATCH /me': async () => await call('PATCH', '/me', { token, body: { name: 'Ada' } }),
    'POST /password/change': async () =>
      await call('POST', '/password/change', {
        token,
        body: { current_password: password, new_password: `${password}-2` },
      }),
    'POST /logout/everywhere': async () => await call('POST', '/logout/everywhere', { token }),
    'DELETE /me': async () => await call('DELETE', '/me', { token, body: { password } }),
  }
}

const isUnavailable = (t: Test, reply: Awaited<ReturnType<TestApp['call']>>, name: string) => {
  problem(t, reply, 503, 'unavailable', name)
  t.match(reply.headers['retry-after'], /^\d+$/, `${name}: Retry-After`)
}

t.test('what PostgreSQL says when it cannot serve is 503, for reads and writes', async (t) => {
  const test = await buildTestApp(t, { database: 'postgresql', env })
  const tokens = await test.signup({ email: 'ada@example.org' })
  await query(test.databaseUrl, faulty)
  const fault = async (code: string | null) => {
    await query(test.databaseUrl, 'DELETE FROM fault')
    if (code !== null) await query(test.databaseUrl, `INSERT INTO fault VALUES ('${code}')`)
  }
  const calls = callsOf(test, tokens)
  const before = await test.stored.rows()
  for (const [code, words] of Object.entries(states)) {
    await fault(code)
    for (const [name, send] of Object.entries(calls))
      isUnavailable(t, await send(), `${name}: ${words} (${code})`)
    const token = tokens.access_token
    t.equal((await test.call('GET', '/claims', { token })).statusCode, 200, code)
  }
  // The control: an error of a statement is a fault of ours.
  await fault('P0001')
  problem(t, await calls['PATCH /me'](), 500, 'internal_error')
  problem(t, await calls['GET /me'](), 500, 'internal_error')
  await fault(null)
  t.strictSame(await test.stored.rows(), before, 'no account was changed')
  t.equal((await calls['PATCH /me']()).statusCode, 200)
})

/** Holds the table until the test ends, or `release` is called. */
async function lockUsers(t: Test, url: string): Promise<{ release: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  let isOpen = true
  const release = async () => {
    if (isOpen) await client.end()
    isOpen = false
  }
  t.teardown(release)
  await client.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  return { release }
}

const waiting =
  "application_name = 'latchkey' AND datname = current_database() AND state = 'active'"

t.test('a backend that is terminated during a statement is 503', async (t) => {
  const test = await buildTestApp(t, { database: 'postgresql', env })
  const calls = callsOf(test, await test.signup({ email: 'ada@example.org' }))
  for (const name of ['GET /me', 'POST /signup', 'PATCH /me'] as const) {
    const lock = await lockUsers(t, test.databaseUrl)
    const sent = calls[name]()
    let ended: unknown[] = []
    const isEnded = async () => {
      if (ended.length > 0) return true
      ended = await query(
        test.databaseUrl,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${waiting}`,
      )
      return ended.length > 0
    }
    t.ok(await holdsSoon(isEnded))
    isUnavailable(t, await sent, name)
    await lock.release()
  }
  t.match(test.logText(), /57P01|terminating connection/)
  t.equal((await calls['GET /me']()).statusCode, 200)
})

t.test('a role without a free connection, and without a login, is 503', async (t) => {
  const role = `role_${crypto.randomUUID().slice(0, 8)}`
  const { databaseUrl, jwks, signup } = await buildTestApp(t, { database: 'postgresql', env })
  const tokens = await signup({ email: 'ada@example.org' })
  await query(databaseUrl, `CREATE ROLE ${role} LOGIN`)
  t.teardown(async () => {
    await query(clusterUrl(), `DROP ROLE ${role}`)
  })
  const grant = async (sql: string) => await query(databaseUrl, sql)
  await grant(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`)
  const url = Object.assign(new URL(databaseUrl), { username: role }).href
  const test = await buildTestApp(t, { databaseUrl: url, env, keys: jwks.keys })
  const { 'GET /me': me } = callsOf(test, tokens)
  const cut = async () =>
    await grant(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
  for (const [refused, allowed] of [
    ['CONNECTION LIMIT 0', 'CONNECTION LIMIT -1'],
    ['NOLOGIN', 'LOGIN'],
  ] as const) {
    await grant(`ALTER ROLE ${role} ${refused}`)
    await cut()
    // The first one may be sent on a connection that was terminated.
    for (let tries = 0; tries < 3; tries++) isUnavailable(t, await me(), refused)
    await grant(`ALTER ROLE ${role} ${allowed}`)
    t.equal((await me()).statusCode, 200, allowed)
  }
  await grant(`DROP OWNED BY ${role}`)
})
