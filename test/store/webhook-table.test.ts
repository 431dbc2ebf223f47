import t from 'tap'
import { farthestAhead } from '../../src/store/webhook-cursors.js'
import { createWebhookCursors } from '../../src/store/webhook-table.js'
import { frozenNow, onEachDatabase } from '../helper.js'
import { webhookWorld } from '../support/webhook-sender.js'

const day = 86_400_000

await onEachDatabase(t, async (t, kind) => {
  await t.test('a cursor is created once, at the time of its first process', async (t) => {
    const { store, sql } = await webhookWorld(t, kind)
    const { open } = store.webhookCursors
    const cursors = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => await open('a', new Date(frozenNow + index))),
    )
    t.equal(new Set(cursors.map(({ changedAt }) => changedAt.getTime())).size, 1)
    t.match(cursors[0], { accountId: '', owner: null, failures: 0, pausedAt: null })
    t.equal((await sql('SELECT key FROM webhooks')).length, 1)
  })

  await t.test('of twenty processes one gets the lease', async (t) => {
    const { store } = await webhookWorld(t, kind)
    const { open, lease, save } = store.webhookCursors
    const now = new Date(frozenNow)
    const end = new Date(frozenNow + 30_000)
    const start = await open('a', now)
    const got = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => await lease('a', `p${index}`, now, end)),
    )
    const [held, ...others] = got.filter((one) => one !== null)
    t.strictSame(others, [])
    if (held === undefined) throw new Error('no process has it')
    const owner = String(held.owner)
    t.ok(await lease('a', owner, now, end), 'the process itself gets it again')
    t.equal(await lease('a', 'late', new Date(frozenNow + 29_999), end), null)
    t.equal(await save({ ...held, owner: 'late' }, { failures: 9 }), false, 'another process')
    t.equal(await save({ ...held, accountId: 'x' }, { failures: 9 }), false, 'another place')
    const at = new Date(frozenNow + 1)
    t.equal(await save(held, { changedAt: at, accountId: 'x' }), true)
    t.equal(await save(held, { changedAt: start.changedAt, accountId: '' }), false, 'not back')
    t.ok(await lease('a', 'next', end, end), 'when it has ended')
    t.equal(await save({ ...held, changedAt: at, accountId: 'x' }, {}), false)
  })

  await t.test('a lease and a retry that are too far ahead do not count', async (t) => {
    const { store } = await webhookWorld(t, kind)
    const { open, lease, save } = store.webhookCursors
    const now = new Date(frozenNow)
    const ahead = (milliseconds: number) => new Date(frozenNow + milliseconds)
    const start = await open('a', now)
    const rows: Array<[lease: number, retry: number, isGiven: boolean]> = [
      [farthestAhead.lease, -1, false],
      [-1, farthestAhead.retry, false],
      [farthestAhead.lease + 1, -1, true],
      [-1, farthestAhead.retry + 1, true],
    ]
    for (const [leased, retry, isGiven] of rows) {
      const wrong = { leasedUntil: ahead(leased), retryAt: ahead(retry) }
      const held = { ...start, owner: (await store.webhookCursors.find('a'))?.owner ?? null }
      t.ok(await save(held, wrong))
      const given = await lease('a', `p${leased} ${retry}`, now, ahead(30_000))
      t.equal(given !== null, isGiven, `${leased} ${retry}`)
    }
  })

  await t.test('receivers that no server has had for long are forgotten', async (t) => {
    const { store, sql } = await webhookWorld(t, kind)
    const { open, keep } = store.webhookCursors
    const at = (days: number) => new Date(frozenNow + days * day)
    await open('used', at(0))
    await open('gone', at(0))
    await keep(['used', 'unknown'], at(20), at(-10))
    t.equal((await sql('SELECT key FROM webhooks')).length, 2)
    await keep(['used'], at(31), at(1))
    t.strictSame(await sql('SELECT key FROM webhooks'), [{ key: 'used' }])
  })

  await t.test('the time of the database is that of this machine', async (t) => {
    const { store } = await webhookWorld(t, kind)
    const before = Date.now()
    const time = await store.webhookCursors.databaseTime()
    t.ok(time >= before - 2 && time <= Date.now() + 2, `${time - before} ms`)
  })
})

t.test('a cursor that cannot be created is no duplicate', async (t) => {
  const create = async () => {
    throw Object.assign(new Error('connection lost'), { name: 'PrismaClientInitializationError' })
  }
  const client = { webhook: { findUnique: async () => null, create } }
  const { open } = createWebhookCursors(client as never, 'sqlite')
  await t.rejects(open('a', new Date()), { code: 'unavailable' })
})
