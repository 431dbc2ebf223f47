import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { receiverKey } from '../../src/webhooks/receiver-url.js'
import { frozenNow, onEachDatabase } from '../helper.js'
import { operatorOn } from '../support/accounts.js'
import { startReceiver } from '../support/receiver.js'
import { holdsSoon } from '../support/redis.js'
import { settled, webhookWorld } from '../support/webhook-sender.js'

const hour = 3_600_000

await onEachDatabase(t, async (t, kind) => {
  await t.test('a receiver that fails is tried after 1, 2, 4 … s up to an hour', async (t) => {
    const { create, start, pass, time, log } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    const { received } = receiver
    const { sender, idlePolls } = await start([receiver.url])
    receiver.respond = 500
    const ada = await create('ada@example.org')
    pass(1)
    await create('bob@example.org')
    pass(settled)
    const waits: number[] = []
    for (let tries = 1; tries <= 15; tries++) {
      t.ok(await holdsSoon(() => received.length === tries), `try ${tries}`)
      t.ok(await holdsSoon(() => log.length === tries))
      const seconds = (Number(log.at(-1)?.retry_at) - time.now) / 1000
      waits.push(seconds)
      pass(seconds * 1000)
    }
    t.strictSame(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600])
    t.ok(await holdsSoon(() => received.length === 16))
    // Only after the line of the log the next time is set, from the clock that goes on below.
    t.ok(await holdsSoon(() => log.length === 16))
    t.strictSame([...new Set(received.map(({ data }) => data.id))], [ada.id], 'the first blocks')
    t.equal(new Set(received.map(({ id }) => id)).size, 1, 'a repeat has the same id')
    t.match(log[0], {
      level: 'warn',
      event: 'webhook.failed',
      receiver: '1',
      host: new URL(receiver.url).host,
      outcome: 'refused',
      detail: 'status 500',
      failures: 1,
    })
    t.notMatch(JSON.stringify(log), /example\.org|hooks/, 'no address, and no path of the URL')
    t.ok((sender.load()[0]?.lagSeconds ?? 0) > 4000, 'the lag counts')
    receiver.respond = 200
    pass(hour)
    t.ok(await holdsSoon(() => received.length === 18))
    await idlePolls()
    t.match(log.at(-1), { level: 'info', event: 'webhook.recovered', failures: 16 })
    t.equal(sender.load()[0]?.lagSeconds, 0)
    t.strictSame(
      [...(sender.load()[0]?.outcomes ?? [])],
      [
        ['refused', 16],
        ['delivered', 2],
      ],
    )
  })

  await t.test('410 pauses until an operator resumes; nothing is lost', async (t) => {
    const { create, start, pass, log, store, time, accounts } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    const { received } = receiver
    const { sender } = await start([receiver.url])
    receiver.respond = 410
    const ada = await create('ada@example.org')
    pass(settled)
    t.ok(await holdsSoon(() => sender.load()[0]?.isPaused === true))
    t.match(log, [
      { level: 'error', event: 'webhook.paused', detail: 'status 410', text: /resume 1$/ },
    ])
    receiver.respond = 200
    const key = receiverKey(receiver.url)
    for (let days = 0; days < 40; days++) {
      pass(24 * hour)
      await sender.keep()
    }
    await operatorOn(accounts).delete(ada.id)
    for (let days = 0; days < 40; days++) {
      pass(24 * hour)
      await sender.keep()
    }
    t.equal(await accounts.purge(new Date(time.now)), 0, 'a row that was not sent stays')
    t.equal(received.length, 1, 'nothing is sent')
    t.ok((sender.load()[0]?.lagSeconds ?? 0) > 39 * 86_400)
    t.equal(await store.webhookCursors.resume(key), true)
    t.equal(await store.webhookCursors.resume(key), false)
    pass(5000)
    t.ok(await holdsSoon(() => received.length === 2))
    t.match(received[1], { type: 'user.deleted', data: { id: ada.id } })
    t.ok(await holdsSoon(() => sender.load()[0]?.isPaused === false))
    await create('bob@example.org')
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 3))
    t.ok(await holdsSoon(() => sender.load()[0]?.lagSeconds === 0))
    t.equal(await accounts.purge(new Date(time.now)), 1)
  })

  await t.test('a receiver that is killed gets the rest when it is back', async (t) => {
    const { create, start, pass, log } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    const { received } = receiver
    await start([receiver.url])
    for (let index = 0; index < 3; index++) await create(`p${index}@example.org`)
    receiver.queue.push(204, () => {
      void receiver.kill()
    })
    pass(settled)
    t.ok(await holdsSoon(() => log.length === 1))
    t.match(log, [{ outcome: 'unreachable', detail: /^(UND_ERR_SOCKET|ECONNRESET)$/ }])
    pass(1000)
    t.ok(await holdsSoon(() => log.length === 2))
    t.match(log[1], { outcome: 'unreachable', detail: 'ECONNREFUSED', failures: 2 })
    await receiver.start()
    pass(2000)
    t.ok(await holdsSoon(() => received.length === 4))
    const emails = received.map(({ data }) => data.email)
    t.equal(new Set(emails).size, 3)
    t.equal(emails[1], emails[2], 'the one without a reply is repeated')
    t.equal(received[1]?.id, received[2]?.id)
  })

  await t.test('a clock that was set back does not stop a receiver', async (t) => {
    const { create, start, pass, log, time, store } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    receiver.respond = 500
    await create('ada@example.org')
    pass(4 * hour)
    // Another process with the wrong clock was killed during a delivery.
    const key = receiverKey(receiver.url)
    await store.webhookCursors.open(key, new Date(frozenNow - 1))
    const end = new Date(time.now + 30_000)
    t.ok(await store.webhookCursors.lease(key, 'killed', new Date(time.now), end))
    time.now -= 3 * hour
    const { sender } = await start([receiver.url], { watch: false })
    t.ok(await holdsSoon(() => log.length === 1), 'its lease does not count')
    await sender.stop()

    time.now += 3 * hour
    const { polls } = await start([receiver.url], { watch: false })
    t.ok(await holdsSoon(() => log.length === 2))
    await polls(1)
    time.now -= 3 * hour
    receiver.respond = 204
    t.ok(await holdsSoon(() => receiver.received.length === 3), 'nor does the time of the retry')
  })

  await t.test('a receiver that hangs does not delay another one', async (t) => {
    const { create, start, pass } = await webhookWorld(t, kind)
    const [slow, quick] = [await startReceiver(t), await startReceiver(t)]
    await start([slow.url, quick.url], { graceMilliseconds: 1 })
    slow.respond = () => {}
    for (let index = 0; index < 20; index++) await create(`p${index}@example.org`)
    pass(settled)
    t.ok(await holdsSoon(() => quick.received.length === 20))
    t.equal(slow.received.length, 1)
  })

  await t.test('while the database is away it logs once, and goes on later', async (t) => {
    const { create, start, pass, log } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    let isAway: 'changesAfter' | 'lease' | 'save' | null = null
    const away = async (name: string) => {
      if (name === isAway) throw new Problem('unavailable')
    }
    let calls = 0
    const { idlePolls } = await start([receiver.url], {
      wrap: (cursors) => ({
        ...cursors,
        changesAfter: async (...args) => {
          calls++
          await away('changesAfter')
          return await cursors.changesAfter(...args)
        },
        lease: async (...args) => {
          calls++
          await away('lease')
          return await cursors.lease(...args)
        },
        save: async (...args) => {
          calls++
          await away('save')
          return await cursors.save(...args)
        },
      }),
    })
    const lines = () => log.filter(({ level }) => level === 'error').length
    let [count, errors] = [0, 0]
    for (const name of ['changesAfter', 'lease', 'save'] as const) {
      await idlePolls()
      isAway = name
      await create(`${name}@example.org`)
      pass(settled)
      const end = calls + 10
      t.ok(await holdsSoon(() => calls > end), 'it goes on')
      errors++
      t.equal(lines(), errors, `${name}: one line`)
      isAway = null
      count = receiver.received.length
      t.ok(
        await holdsSoon(() =>
          receiver.received.some(({ data }) => String(data.email).startsWith(name)),
        ),
      )
      t.ok(await holdsSoon(() => lines() === errors))
    }
    t.ok(count > 3, 'a delivery that could not be saved was repeated')
    t.equal(new Set(receiver.received.map(({ id }) => id)).size, 3)
  })
})

t.test('sixteen receivers that hang bring no warning of Node.js', async (t) => {
  const { create, start, pass } = await webhookWorld(t)
  const receiver = await startReceiver(t)
  receiver.respond = () => {}
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const urls = Array.from({ length: 16 }, (_, index) => `${receiver.url}/${index}`)
  const { sender } = await start(urls, { graceMilliseconds: 1 })
  await create('ada@example.org')
  pass(settled)
  t.ok(await holdsSoon(() => receiver.received.length === 16))
  await sender.stop()
  t.strictSame(warnings, [])
})

t.test('a failure of one sender alone is logged once', async (t) => {
  const { create, start, pass, log, store } = await webhookWorld(t)
  const [good, bad] = [await startReceiver(t), await startReceiver(t)]
  let [calls, isAway] = [0, true]
  await start([good.url, bad.url], {
    watch: false,
    wrap: (cursors) => ({
      ...cursors,
      open: async (key, now) => {
        if (key === receiverKey(bad.url) && isAway) {
          calls++
          throw new Problem('unavailable')
        }
        return await cursors.open(key, now)
      },
    }),
  })
  for (let index = 0; index < 3; index++) {
    const end = calls + 10
    await create(`p${index}@example.org`)
    pass(settled)
    t.ok(await holdsSoon(() => calls > end))
  }
  t.ok(await holdsSoon(() => good.received.length === 3))
  t.equal(log.length, 1)
  isAway = false
  const key = receiverKey(bad.url)
  t.ok(await holdsSoon(async () => (await store.webhookCursors.find(key)) !== null))
  pass(1)
  await create('later@example.org')
  pass(settled)
  t.ok(await holdsSoon(() => bad.received.length === 1))
})

t.test(
  'a database that is away at the start is logged once, and again the next time',
  async (t) => {
    const { log, start } = await webhookWorld(t)
    const { url } = await startReceiver(t)
    let isAway = true
    const { idlePolls } = await start([url], {
      watch: false,
      wrap: (cursors) => {
        const away = async () => {
          if (isAway) throw new Problem('unavailable')
        }
        return {
          ...cursors,
          databaseTime: async () => {
            await away()
            return await cursors.databaseTime()
          },
          changesAfter: async (...args) => {
            await away()
            return await cursors.changesAfter(...args)
          },
        }
      },
    })
    t.ok(await holdsSoon(() => log.length === 1))
    isAway = false
    await idlePolls()
    isAway = true
    t.ok(await holdsSoon(() => log.length === 2))
  },
)

t.test('a redirect is not followed', async (t) => {
  const { create, start, pass, log } = await webhookWorld(t)
  const inner = createServer((_request, reply) => {
    t.fail('the inner server was called')
    reply.end()
  }).listen(0, '127.0.0.1')
  await once(inner, 'listening')
  t.teardown(() => inner.close())
  const { port } = inner.address() as { port: number }
  const receiver = await startReceiver(t)
  await start([receiver.url])
  const statuses = [301, 302, 303, 307, 308]
  receiver.queue.push(
    ...statuses.map((status) => (reply: ServerResponse) => {
      reply.writeHead(status, { location: `http://127.0.0.1:${port}/admin` }).end()
    }),
  )
  await create('ada@example.org')
  pass(settled)
  for (const [index, status] of statuses.entries()) {
    t.ok(await holdsSoon(() => log.length === index + 1))
    t.match(log[index], { outcome: 'refused', detail: `status ${status}` })
    pass(2 ** index * 1000)
  }
  t.ok(await holdsSoon(() => receiver.received.length === statuses.length + 1))
})
