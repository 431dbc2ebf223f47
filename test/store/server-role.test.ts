import { randomUUID } from 'node:crypto'
import t from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { freshDatabase, frozenNow, projectFile, query } from '../helper.js'
import { clusterUrl } from '../support/cluster.js'

t.test('PostgreSQL: the documented rights are enough for the role of a server', async (t) => {
  const [, rights = '', list = ''] =
    /needs `USAGE` on the schema, `([A-Z, ]+)` on ([`a-z, ]+), and `SELECT` on `_prisma_m/.exec(
      await projectFile('docs/deploy.md'),
    ) ?? []
  const tables = list.replaceAll('`', '')
  const schema = await projectFile('prisma/schema.prisma')
  t.strictSame(
    tables.split(', ').sort(),
    [...schema.matchAll(/@@map\("(\w+)"\)/g)].map(([, table]) => table).sort(),
    'every table is named',
  )

  const url = await freshDatabase(t, 'postgresql')
  await (await openStore(url, { autoMigrate: true, clock: Date.now })).close()
  const role = `role_${randomUUID().slice(0, 8)}`
  await query(url, `CREATE ROLE ${role} LOGIN`)
  t.teardown(async () => {
    await query(url, `DROP OWNED BY ${role}`)
    await query(clusterUrl(), `DROP ROLE ${role}`)
  })
  await query(url, `GRANT USAGE ON SCHEMA public TO ${role}`)
  await query(url, `GRANT ${rights} ON ${tables} TO ${role}`)
  await query(url, `GRANT SELECT ON _prisma_migrations TO ${role}`)
  const mine = Object.assign(new URL(url), { username: role }).href
  const store = await openStore(mine, { autoMigrate: false, clock: () => frozenNow })
  t.teardown(store.close)
  const { accounts, auditLog, machineClients, webhookCursors: cursors } = store
  const now = new Date(frozenNow)
  t.ok(await accounts.create({ email: 'ada@example.org', passwordHash: '!', name: null }))
  await auditLog.add({
    actor: 'cli',
    event: 'user.changed',
    subject: null,
    requestId: null,
    details: '{}',
  })
  await machineClients.create({ name: 'job', secretHash: 'x', scopes: '' })
  await cursors.open('a', now)
  await cursors.keep(['a'], now, now)
  t.equal(await accounts.purge(now), 0)
  t.equal(await store.findChangedVersions(now, 1), '')
})
