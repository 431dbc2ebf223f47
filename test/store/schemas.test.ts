import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { migrate } from '../../src/cli/migrate.js'
import { users } from '../../src/cli/users.js'
import { loadConfig } from '../../src/config.js'
import { withSearchPath } from '../../src/store/postgres-schema.js'
import { openStore } from '../../src/store/open-store.js'
import { buildTestApp, freshDatabase, goodPassword, problem, query } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'

const options = { autoMigrate: true, clock: Date.now }
const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

/** A database of its own, and a role that owns it. */
async function freshRole(t: Test) {
  const admin = await freshDatabase(t, 'postgresql')
  const role = `role_${randomUUID().slice(0, 8)}`
  const name = new URL(admin).pathname.slice(1)
  await query(admin, `CREATE ROLE ${role} LOGIN; ALTER DATABASE ${name} OWNER TO ${role}`)
  t.teardown(async () => {
    await query(admin, `REASSIGN OWNED BY ${role} TO postgres; DROP ROLE ${role}`)
  })
  return { admin, role, url: Object.assign(new URL(admin), { username: role }).href }
}

/** The schemas that have a table. */
async function schemasWith(url: string, table: string): Promise<unknown[]> {
  const rows = await query(
    url,
    `SELECT schemaname AS name FROM pg_tables WHERE tablename = '${table}' ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

const rows: Array<{
  name: string
  schema: string
  prepare: (role: string) => string
  search?: string
}> = [
  {
    name: 'a schema named as the role',
    schema: 'as-role',
    prepare: (role) => `CREATE SCHEMA AUTHORIZATION ${role}`,
  },
  {
    name: 'ALTER ROLE … SET search_path',
    schema: 'x',
    prepare: (role) =>
      `CREATE SCHEMA x AUTHORIZATION ${role}; ALTER ROLE ${role} SET search_path = gone, x, public`,
  },
  {
    name: 'options=-c search_path',
    schema: 'x',
    prepare: (role) => `CREATE SCHEMA x AUTHORIZATION ${role}`,
    search: '?options=-c%20search_path%3Dx',
  },
  {
    name: '?schema=',
    schema: 'x',
    prepare: (role) => `CREATE SCHEMA x AUTHORIZATION ${role}`,
    search: '?schema=x',
  },
  {
    name: '?schema= with characters that need quotes, beside options and a schema of the role',
    schema: 'Ä b\\c; --',
    prepare: (role) =>
      `CREATE SCHEMA "Ä b\\c; --" AUTHORIZATION ${role}; CREATE SCHEMA AUTHORIZATION ${role}`,
    search: `?schema=${encodeURIComponent('Ä b\\c; --')}&options=-c%20statement_timeout%3D1000`,
  },
]

for (const { name, schema, prepare, search = '' } of rows)
  t.test(`${name}: every part uses one schema`, async (t) => {
    const { admin, role, url: plain } = await freshRole(t)
    await query(admin, prepare(role))
    const databaseUrl = `${plain}${search}`
    const place = schema === 'as-role' ? role : schema
    const lines = t.capture(console, 'log')
    await migrate(databaseUrl)
    await migrate(databaseUrl)
    t.match(
      lines().map(({ args }) => String(args[0])),
      [`, schema "${place}": applied`, `, schema "${place}" is up to date.`],
    )
    for (const table of ['users', '_prisma_migrations'])
      t.strictSame(await schemasWith(admin, table), [place], table)

    const test = await buildTestApp(t, { databaseUrl })
    const email = 'ada@example.org'
    await test.signup({ email })
    t.equal((await test.call('GET', '/health/ready')).statusCode, 200)
    const login = async (email: string, password: string) =>
      (await test.call('POST', '/login', { body: { email, password } })).statusCode
    t.equal(await login(email, goodPassword), 200)

    const config = loadConfig({ DATABASE_URL: databaseUrl })
    const id = '0b9f5ac2-7d5e-4a53-9d4b-3c2f5a1e6b70'
    const imported = [
      { email: 'bob@example.org', password_hash: hash },
      { id, email: 'eve@example.org', password_hash: hash },
      { id, email: 'mallory@example.org', password_hash: hash },
    ]
    const input = fakeTerminal({
      input: imported.map((line) => `${JSON.stringify(line)}\n`).join(''),
    })
    await users(['import', '-'], config, input)
    t.match(await test.store.accounts.findByEmail('bob@example.org'), { passwordHash: hash })
    t.match(await test.store.accounts.findById(id), { email: 'eve@example.org' })
    const output = fakeTerminal()
    await users(['export'], config, output)
    const { stdout } = await output.output()
    for (const one of [email, 'bob@example.org', 'eve@example.org']) t.match(stdout, `"${one}"`)

    await query(admin, `DROP TABLE "${place}".users`)
    problem(t, await test.call('GET', '/health/ready'), 503, 'unavailable')
  })

t.test('a schema that is created later does not hide the tables', async (t) => {
  const { admin, role, url } = await freshRole(t)
  const before = await openStore(url, options)
  await before.accounts.create({ email: 'ada@example.org', passwordHash: 'h', name: null })
  await query(admin, `CREATE SCHEMA AUTHORIZATION ${role}`)
  const after = await openStore(url, { ...options, autoMigrate: false })
  for (const { accounts, name, ping, close } of [before, after]) {
    await ping()
    t.match(await accounts.findByEmail('ada@example.org'), { passwordHash: 'h' })
    t.notMatch(name, 'schema')
    await close()
  }
  const lines = t.capture(console, 'log')
  await migrate(url)
  t.match(lines()[0]?.args[0], / is up to date\.$/)
  t.strictSame(await schemasWith(admin, 'users'), ['public'])

  // Another program's table of the same name does not count.
  await query(admin, `CREATE TABLE ${role}.users (id int)`)
  const other = await openStore(url, options)
  t.match(await other.accounts.findByEmail('ada@example.org'), { passwordHash: 'h' })
  await other.close()
})

t.test('a table of another program further back in the search_path is not used', async (t) => {
  const { admin, role, url } = await freshRole(t)
  await query(
    admin,
    `CREATE TABLE public.users (id int, password_hash text); CREATE SCHEMA AUTHORIZATION ${role}`,
  )
  const store = await openStore(url, options)
  t.match(store.name, `schema "${role}"`)
  await store.close()
})

t.test('a schema that is not there is named, with what to do', async (t) => {
  const { admin, role, url } = await freshRole(t)
  await query(admin, `CREATE SCHEMA "a""b" AUTHORIZATION ${role}`)
  const says: Array<[search: string, message: RegExp]> = [
    ['?schema=gone', /no schema "gone".*CREATE SCHEMA "gone"/],
    ['?schema=a%22b', /has a quote/],
    ['?options=-c%20search_path%3Dgone,lost', /search_path \(gone,lost\).*\?schema=public/],
  ]
  for (const [search, message] of says) {
    await t.rejects(openStore(`${url}${search}`, options), { name: 'DatabaseError', message })
    await t.rejects(migrate(`${url}${search}`), { name: 'DatabaseError', message })
  }
  await t.resolves((await openStore(`${url}?schema=`, options)).close(), 'empty is not given')
  t.strictSame(await schemasWith(admin, 'users'), ['public'])
})

t.test('the search_path of migrations is one quoted name', async (t) => {
  const path = (url: string, schema: string) =>
    new URL(withSearchPath(url, schema)).searchParams.get('options')
  t.equal(path('postgresql://h/d', 'x'), '-c search_path="x"')
  t.equal(path('postgresql://h/d?options=-c%20a%3Db', 'x'), '-c a=b -c search_path="x"')
  t.equal(path('postgresql://h/d', 'a b\\'), '-c search_path="a\\ b\\\\"')
})
