import t from 'tap'
import { createAccounts } from '../../src/store/account-table.js'
import type { Account, Accounts } from '../../src/store/accounts.js'
import type { AuditLog } from '../../src/store/audit-log.js'
import { createAuditLog } from '../../src/store/audit-table.js'
import { createFindChangedVersions } from '../../src/store/changed-versions.js'
import { parseDatabaseUrl } from '../../src/store/database.js'
import { createMachineClients } from '../../src/store/machine-client-table.js'
import type { MachineClient, MachineClients } from '../../src/store/machine-clients.js'
import type { WebhookCursors } from '../../src/store/webhook-cursors.js'
import { createWebhookCursors } from '../../src/store/webhook-table.js'
import { frozenNow, onEachDatabase, query } from '../helper.js'
import { largeDatabase } from '../support/large-database.js'
import { recordedClient } from '../support/recorded-queries.js'

await onEachDatabase(t, async (t, kind) => {
  const url = await largeDatabase(t, kind)
  await query(
    url,
    `INSERT INTO audit (id, at, actor, event, subject, details) SELECT id, created_at, id, 'user.changed', id, '{}' FROM users`,
  )
  await query(
    url,
    "INSERT INTO clients (id, name, secret_hash, created_at, version_changed_at) SELECT id, 'x', 'x', created_at, version_changed_at FROM users",
  )
  await query(url, 'ANALYZE')
  const { client, record, explain } = await recordedClient(parseDatabaseUrl(url))
  t.teardown(async () => {
    await client.$disconnect()
  })
  const accounts = createAccounts(client, { provider: kind, table: 'users' }, () => frozenNow)
  const auditLog = createAuditLog(client, () => frozenNow)
  const nth = async (index: number) => {
    const id = `${String(index).padStart(8, '0')}-0000-7000-8000-000000000000`
    return (await accounts.findById(id)) as Account
  }
  const [plain, admin, next] = [await nth(1001), await nth(2000), await nth(1003)]
  const time = new Date(frozenNow - 1e12)
  const position = { ...plain, createdAt: plain.createdAt }
  const email = 'new@example.org'
  const before = 'ffffffff-0000-7000-8000-000000000000'

  const ofAccounts: Record<keyof Accounts, Array<() => Promise<unknown>>> = {
    findById: [async () => await accounts.findById(plain.id)],
    findByEmail: [async () => await accounts.findByEmail(plain.email)],
    create: [async () => await accounts.create({ email, passwordHash: 'x', name: null })],
    createMany: [
      async () =>
        await accounts.createMany([
          { email: plain.email, passwordHash: 'x', name: null, emailVerified: true, id: next.id },
        ]),
    ],
    // It reads a sample of the table.
    gatherStatistics: [],
    list: [
      async () => await accounts.list(null, 500),
      async () => await accounts.list(plain.id, 500),
    ],
    search: [
      async () => await accounts.search('p0000', null),
      async () => await accounts.search('p0000', plain.id),
    ],
    updateName: [async () => await accounts.updateName(plain.id, 'x')],
    replaceHash: [async () => await accounts.replaceHash(plain.id, '$hash$', 'x')],
    changePassword: [async () => await accounts.changePassword(plain, 'x')],
    resetPassword: [async () => await accounts.resetPassword(plain, 'x')],
    setPassword: [async () => await accounts.setPassword(plain, 'x')],
    changeEmail: [
      async () => await accounts.changeEmail(next, { email: 'n@x.org', emailHistory: '[]' }),
    ],
    takeBack: [
      async () =>
        await accounts.takeBack(next, { email: 'o@x.org', emailHistory: '[]', passwordHash: 'x' }),
    ],
    deleteUnverified: [async () => await accounts.deleteUnverified(plain.email, time)],
    verifyEmail: [async () => await accounts.verifyEmail(plain)],
    endLogin: [async () => await accounts.endLogin(next, '[]')],
    endRefreshTokens: [async () => await accounts.endRefreshTokens(next.id)],
    change: [
      async () => await accounts.change(admin, { disabled: true }, { keepAdmin: true }),
      async () => await accounts.change(await nth(4000), { roles: '[]' }, { keepAdmin: false }),
    ],
    delete: [
      async () => await accounts.delete(await nth(6000), { ifUnchanged: true, keepAdmin: true }),
      async () => await accounts.delete(next, { ifUnchanged: false, keepAdmin: false }),
    ],
    purge: [async () => await accounts.purge(time)],
    recordLogin: [async () => await accounts.recordLogin(plain.id)],
    listPage: [
      async () => await accounts.listPage({}, null, 50),
      async () => await accounts.listPage({ emailPrefix: 'p0000' }, position, 50),
      async () => await accounts.listPage({ role: 'editor' }, position, 50),
      async () => await accounts.listPage({ email: plain.email }, null, 50),
    ],
  }
  const ofAuditLog: Record<keyof AuditLog, Array<() => Promise<unknown>>> = {
    add: [
      async () =>
        await auditLog.add({
          actor: 'cli',
          event: 'user.changed',
          subject: null,
          requestId: null,
          details: '{}',
        }),
    ],
    list: [{}, { actor: plain.id }, { subject: plain.id }, { event: 'user.changed' }].flatMap(
      (filter) => [
        async () => await auditLog.list(filter, null, 50),
        async () => await auditLog.list(filter, before, 50),
      ],
    ),
  }

  const machineClients = createMachineClients(client, () => frozenNow)
  const { id, secretHash } = (await machineClients.findById(plain.id)) as MachineClient
  const ofClients: Record<keyof MachineClients, Array<() => Promise<unknown>>> = {
    findById: [async () => await machineClients.findById(id)],
    // It reads every client, for the command line.
    list: [],
    create: [async () => await machineClients.create({ name: 'x', secretHash: 'x', scopes: 'x' })],
    rotate: [null, time].map(
      (previousUntil) => async () =>
        await machineClients.rotate({ id, secretHash }, { secretHash: 'y', previousUntil }),
    ),
    setScopes: [async () => await machineClients.setScopes({ id, scopes: 'x' }, 'y')],
    setDisabled: [true, false].map(
      (isDisabled) => async () => await machineClients.setDisabled(id, isDisabled),
    ),
  }
  const cursors = createWebhookCursors(client, kind)
  const cursor = await cursors.open('a', time)
  const at = new Date(frozenNow)
  // The table of the cursors has a row for each receiver.
  const ofWebhooks: Record<keyof WebhookCursors, Array<() => Promise<unknown>>> = {
    find: [async () => await cursors.find('a')],
    open: [async () => await cursors.open('b', at)],
    changesAfter: [
      async () => await cursors.changesAfter({ changedAt: next.createdAt, accountId: '' }, at, 100),
      async () => await cursors.changesAfter({ changedAt: at, accountId: id }, at, 1),
    ],
    lease: [async () => await cursors.lease('a', 'x', at, at)],
    save: [async () => await cursors.save(cursor, { failures: 1 })],
    resume: [async () => await cursors.resume('a')],
    passOver: [async () => await cursors.passOver(cursor, { changedAt: at, accountId: id })],
    keep: [async () => await cursors.keep(['a'], at, time)],
    databaseTime: [cursors.databaseTime],
  }
  const tables = { users: 'users', clients: 'clients' }
  const findChangedVersions = createFindChangedVersions(client, kind, tables)
  const ofFeed = {
    findChangedVersions: [async () => await findChangedVersions(plain.createdAt, 10_001)],
  }

  await t.test('no statement of the store reads a whole table', async (t) => {
    let count = 0
    for (const [name, calls] of [ofAccounts, ofAuditLog, ofClients, ofWebhooks, ofFeed].flatMap(
      (store) => Object.entries<Array<() => Promise<unknown>>>(store),
    ))
      for (const call of calls) {
        const queries = await record(call)
        t.ok(queries.length > 0, `${name} sends a statement`)
        for (const query of queries) {
          const plan = await explain(query)
          count++
          t.notMatch(
            plan,
            kind === 'sqlite'
              ? /SCAN (main\.)?(users|audit|clients)(?! USING)/
              : /Seq Scan on (users|audit|clients)/,
            `${name}: ${query.sql}\n${plan}`,
          )
        }
      }
    t.ok(count > 55, `${count} statements`)
  })

  await t.test('the check finds a scan', async (t) => {
    const [one] = await record(async () => await client.user.findFirst({ where: { name: 'x' } }))
    t.match(
      await explain(one as NonNullable<typeof one>),
      kind === 'sqlite' ? /SCAN main\.users$/ : /Seq Scan/,
    )
  })
})
