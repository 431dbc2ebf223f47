import t from 'tap'
import { receiverKey } from '../../src/webhooks/receiver-url.js'
import { onEachDatabase } from '../helper.js'
import { operatorOn } from '../support/accounts.js'
import { startServer } from '../support/process.js'
import { startReceiver, webhookSecret } from '../support/receiver.js'
import { holdsSoon } from '../support/redis.js'
import { settled, webhookWorld } from '../support/webhook-sender.js'

const second = 1000

await onEachDatabase(t, async (t, kind) => {
  await t.test('of several processes one sends', async (t) => {
    const { create, start, pass } = await webhookWorld(t, kind)
    const { received, url } = await startReceiver(t)
    const senders = [await start([url]), await start([url]), await start([url])]
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 20; index++) {
        await create(`p${round}-${index}@example.org`)
        pass(1)
      }
      pass(settled)
      t.ok(await holdsSoon(() => received.length >= (round + 1) * 20))
      for (const { idlePolls } of senders) await idlePolls()
    }
    t.strictSame(
      received.map(({ data }) => data.email),
      Array.from({ length: 60 }, (_, index) => {
        return `p${Math.floor(index / 20)}-${index % 20}@example.org`
      }),
      'each once, in order',
    )
  })

  await t.test('another process takes over after 30 s, and the suspended one stops', async (t) => {
    const { create, start, pass, time } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    const { received } = receiver
    const replies: Array<() => void> = []
    receiver.queue.push((reply) => {
      replies.push(() => reply.writeHead(204).end())
    })
    // The first process is suspended while it waits for the reply.
    let frozen: number | null = null
    const first = await start([receiver.url], { clock: () => frozen ?? time.now })
    await create('ada@example.org')
    pass(1)
    await create('bob@example.org')
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 1))
    frozen = time.now
    const second = await start([receiver.url], { watch: false })
    pass(29_999)
    await second.polls()
    t.equal(received.length, 1, 'not before')
    pass(1)
    t.ok(await holdsSoon(() => received.length === 3))
    t.equal(received[0]?.id, received[1]?.id, 'the delivery without a reply is repeated')
    await second.idlePolls()
    replies[0]?.()
    await first.sender.stop()
    t.equal(received.length, 3, 'the suspended process does not go on')
  })

  await t.test('a delivery is stopped in time for the end of the lease', async (t) => {
    const { create, start, pass, time, store } = await webhookWorld(t, kind)
    const { received, url } = await startReceiver(t)
    // The clock jumps between the lease and the first delivery, as after a suspension.
    let jumps = 1
    await start([url], {
      wrap: (cursors) => ({
        ...cursors,
        lease: async (...args) => {
          const held = await cursors.lease(...args)
          if (jumps-- > 0) pass(21 * second)
          return held
        },
      }),
    })
    await create('ada@example.org')
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 1))
    t.equal(received[0]?.seconds, Math.floor(time.now / 1000))
    t.ok(
      await holdsSoon(
        async () => (await store.webhookCursors.find(receiverKey(url)))?.owner === null,
      ),
    )
  })

  // SQLite has one writer at a time.
  if (kind === 'postgresql')
    await t.test('a slow transaction that commits after later ones is not missed', async (t) => {
      const { create, start, pass, sql, time, accounts } = await webhookWorld(t, kind)
      const { received, url } = await startReceiver(t)
      const { idlePolls } = await start([url])
      const ada = await create('ada@example.org')
      pass(settled)
      t.ok(await holdsSoon(() => received.length === 1))
      pass(1)
      const stamp = time.now
      // The row is locked by another transaction while the change waits with its time.
      const lock = sql(
        `BEGIN; SELECT id FROM users WHERE id = '${ada.id}' FOR UPDATE; SELECT pg_sleep(1); COMMIT`,
      )
      t.ok(
        await holdsSoon(
          async () =>
            (
              await sql(
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'BEGIN; SELECT id%' AND wait_event = 'PgSleep'",
              )
            ).length === 1,
        ),
      )
      const change = operatorOn(accounts).change(ada.id, { name: 'Ada' })
      t.ok(
        await holdsSoon(
          async () =>
            (
              await sql(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE%'",
              )
            ).length === 1,
        ),
      )
      pass(1)
      await create('later@example.org')
      pass(1500)
      await idlePolls()
      await Promise.all([lock, change])
      pass(settled)
      t.ok(await holdsSoon(() => received.length === 3))
      t.strictSame(
        received.slice(1).map(({ data, timestamp }) => [data.email, Date.parse(timestamp) - stamp]),
        [
          ['ada@example.org', 0],
          ['later@example.org', 1],
        ],
      )
    })

  await t.test('a server that is killed between delivery and cursor repeats', async (t) => {
    const { databaseUrl, sql, store } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    const { received } = receiver
    const env = {
      DATABASE_URL: databaseUrl,
      WEBHOOK_URLS: receiver.url,
      WEBHOOK_SECRET: webhookSecret,
      KEYS_FILE: `${t.testdirName}.keys.json`,
    }
    const key = receiverKey(receiver.url)
    // The changes are as old as if no server had run for a minute.
    const ago = (seconds: number) => new Date(Date.now() - seconds * second)
    await store.webhookCursors.open(key, ago(60))
    const at = ago(50).toISOString().replace('Z', '+00:00')
    for (let index = 0; index < 5; index++)
      await sql(
        `INSERT INTO users (id, email, password_hash, created_at, updated_at, changed_at) VALUES ('0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd${index}', 'p${index}@example.org', '!', '${at}', '${at}', '${at}')`,
      )
    receiver.queue.push(204, () => {})
    const server = await startServer(t, '.', env)
    t.ok(await holdsSoon(() => received.length === 2))
    await server.stop('SIGKILL')
    t.equal(received.length, 2)
    await sql('UPDATE webhooks SET leased_until = NULL')
    const next = await startServer(t, '.', env)
    t.ok(await holdsSoon(() => received.length === 6))
    t.strictSame(
      received.map(({ data }) => data.email?.slice(0, 2)),
      ['p0', 'p1', 'p1', 'p2', 'p3', 'p4'],
    )
    t.equal(received[1]?.id, received[2]?.id, 'a repeat has the same id')
    t.equal(await next.stop('SIGTERM'), 0)
    const rest = await store.webhookCursors.find(key)
    t.match(rest, { owner: null, failures: 0 }, 'the server gave its right to send back')
  })
})
