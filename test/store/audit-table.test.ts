import t from 'tap'
import { createAuditLog } from '../../src/store/audit-table.js'
import { openStore } from '../../src/store/open-store.js'
import { frozenNow, onEachDatabase } from '../helper.js'
import { migratedDatabase } from '../support/migrated.js'

await onEachDatabase(t, async (t, database) => {
  const url = await migratedDatabase(t, database)
  let now = frozenNow
  const { auditLog, close } = await openStore(url, { autoMigrate: false, clock: () => now })
  t.teardown(close)
  const entry = { actor: 'cli', event: 'e', subject: null, requestId: null, details: '{}' }

  await t.test('entries are listed newest first, also of one millisecond', async (t) => {
    for (let index = 0; index < 5; index++) await auditLog.add({ ...entry, event: `e${index}` })
    now -= 5000
    await auditLog.add({ ...entry, event: 'after the clock was set back' })
    const found = await auditLog.list({}, null, 9)
    t.strictSame(
      found.map(({ event }) => event),
      ['after the clock was set back', 'e4', 'e3', 'e2', 'e1', 'e0'],
    )
    t.match(found[0], { ...entry, event: String, at: new Date(now) })
    const page = await auditLog.list({}, String(found[1]?.id), 2)
    t.strictSame(
      page.map(({ event }) => event),
      ['e3', 'e2'],
    )
    t.match(found[0]?.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7005-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})

t.test('more than 4096 ids of one millisecond are still in order', async (t) => {
  const ids: string[] = []
  const create = async ({ data }: { data: { id: string } }) => {
    ids.push(data.id)
  }
  const auditLog = createAuditLog({ auditEntry: { create } } as never, () => frozenNow)
  const entry = { actor: 'cli', event: 'e', subject: null, requestId: null, details: '{}' }
  for (let index = 0; index < 4100; index++) await auditLog.add(entry)
  t.equal(new Set(ids).size, 4100)
  t.strictSame(ids, [...ids].sort())
  t.match(ids.at(-1), /-7003-/, 'the next millisecond')
})
