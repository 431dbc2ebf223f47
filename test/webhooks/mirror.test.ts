import t from 'tap'
import { toAdminUser } from '../../src/account/admin-user.js'
import { onEachDatabase } from '../helper.js'
import { operatorOn } from '../support/accounts.js'
import { mirrorOf, startReceiver } from '../support/receiver.js'
import { holdsSoon } from '../support/redis.js'
import { settled, webhookWorld } from '../support/webhook-sender.js'

/** A generator of numbers from 0 to 1 that a seed fixes (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

await onEachDatabase(t, async (t, kind) => {
  for (const seed of [1, 2, 3])
    await t.test(`a mirror equals the accounts after random acts, seed ${seed}`, async (t) => {
      const { accounts, create, start, pass, time, sql } = await webhookWorld(t, kind)
      const receiver = await startReceiver(t)
      const next = random(seed)
      // A receiver that refuses, loses its reply or breaks the connection, at random.
      receiver.respond = (reply, request) => {
        const luck = next()
        if (luck < 0.15) reply.writeHead(500).end()
        else if (luck < 0.25) request.socket.resetAndDestroy()
        else reply.writeHead(204).end()
      }
      // Two processes, one of which is replaced from time to time.
      let { sender } = await start([receiver.url], { watch: false })
      await start([receiver.url], { watch: false })
      const operator = operatorOn(accounts)
      const ids: string[] = []
      for (let act = 0; act < 120; act++) {
        const id = ids[Math.floor(next() * ids.length)] ?? ''
        const what = next()
        if (what < 0.35 || id === '') ids.push((await create(`p${act}@example.org`)).id)
        else if (what < 0.5) await operator.change(id, { name: `n${act}` })
        else if (what < 0.6) await operator.change(id, { email: `q${act}@example.org` })
        else if (what < 0.7) await operator.disable(id)
        else if (what < 0.8) await operator.enable(id)
        else if (what < 0.9) await operator.delete(id)
        else await accounts.recordLogin(id)
        if (next() < 0.7) pass(Math.floor(next() * 4000))
        if (next() < 0.05) {
          await sender.stop()
          ;({ sender } = await start([receiver.url], { watch: false }))
        }
      }
      receiver.respond = 204
      pass(settled)
      const behind = async () => {
        pass(5000)
        const [row] = await sql(
          'SELECT count(*) AS n FROM users u WHERE NOT EXISTS (SELECT 1 FROM webhooks w WHERE (w.changed_at, w.account_id) >= (u.changed_at, u.id))',
        )
        return Number(row?.n)
      }
      t.ok(await holdsSoon(async () => (await behind()) === 0))
      await sender.stop()
      const mirror = mirrorOf(receiver.received)
      const stored = new Map<string, object>()
      for (const id of ids) {
        const account = await accounts.findById(id)
        // The time of a login is no change.
        if (account !== null) stored.set(id, { ...toAdminUser(account), last_login_at: null })
      }
      t.strictSame(
        new Map([...mirror].map(([id, data]) => [id, { ...data, last_login_at: null }])),
        stored,
      )
      t.ok(stored.size > 10 && receiver.received.length > ids.length / 2, `${time.now}`)
    })
})
