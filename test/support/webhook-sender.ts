import type { Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import type { WebhookCursors } from '../../src/store/webhook-cursors.js'
import { createWebhooks, type Webhooks } from '../../src/webhooks/webhooks.js'
import { type DatabaseKind, freshDatabase, frozenNow, query } from '../helper.js'
import { webhookSecret } from './receiver.js'
import { holdsSoon } from './redis.js'

type LogLine = { level: string; text: string; event?: string } & Record<string, unknown>

/** A database with senders of webhooks that follow a clock of the test. */
export async function webhookWorld(t: Test, kind: DatabaseKind = 'sqlite') {
  const databaseUrl = await freshDatabase(t, kind)
  const time = { now: frozenNow }
  const clock = () => time.now
  const store = await openStore(databaseUrl, { autoMigrate: true, clock })
  t.teardown(store.close)
  const { accounts } = store
  const log: LogLine[] = []
  const line = (level: string) => (details: object, text: string) => {
    log.push({ level, text, ...details })
  }
  const create = async (email: string, more: { name?: string } = {}) => {
    const account = await accounts.create({ email, passwordHash: '!', name: null, ...more })
    if (account === null) throw new Error(`${email} has an account`)
    return account
  }
  /** Starts a sender, waits until it has begun, and returns it with the count of its idle polls. */
  const start = async (
    urls: string[],
    {
      wrap = (cursors) => cursors,
      watch = true,
      ...options
    }: {
      wrap?: (cursors: WebhookCursors) => WebhookCursors
      watch?: boolean
      clock?: () => number
      secrets?: string[]
      timeoutMilliseconds?: number
      graceMilliseconds?: number
    } = {},
  ) => {
    let [idle, looks] = [0, 0]
    const cursors: WebhookCursors = {
      ...store.webhookCursors,
      // The clocks of these tests are far from that of the database.
      databaseTime: async () => time.now,
      changesAfter: async (position, until, count) => {
        const found = await store.webhookCursors.changesAfter(position, until, count)
        looks++
        if (found.length === 0) idle++
        return found
      },
    }
    const { secrets = [webhookSecret], ...rest } = options
    const sender: Webhooks = createWebhooks({
      config: { WEBHOOK_URLS: urls, WEBHOOK_SECRET: secrets },
      store: { webhookCursors: wrap(cursors) },
      clock,
      logger: { info: line('info'), warn: line('warn'), error: line('error') },
      everyMilliseconds: 2,
      ...rest,
    })
    t.teardown(sender.stop)
    sender.start()
    const idlePolls = async (count = 3) => {
      const end = idle + count * urls.length
      await holdsSoon(() => idle >= end)
    }
    /** Waits for some more looks at the database, whether or not there are changes. */
    const polls = async (count = 5) => {
      const end = looks + count
      await holdsSoon(() => looks >= end)
    }
    if (watch) await idlePolls(1)
    return { sender, idlePolls, polls }
  }
  const pass = (milliseconds: number) => {
    time.now += milliseconds
  }
  const sql = async (text: string) => await query(databaseUrl, text)
  return {
    databaseUrl,
    store,
    accounts,
    time,
    clock,
    log,
    create,
    start,
    pass,
    sql,
  }
}

/** The time after which a change is sent. */
export const settled = 10_000
