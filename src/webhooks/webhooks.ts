import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Clock } from '../clock.js'
import type { Config } from '../config.js'
import type { Store } from '../store/open-store.js'
import { createClockCheck } from './clock-check.js'
import { deliver, type OutcomeKind } from './deliver.js'
import { createReceiver, type Receiver } from './receiver.js'
import { receiverHost, receiverKey } from './receiver-url.js'

/** The state of the sender to one URL, for the metrics. */
export interface ReceiverLoad {
  /** The number of the receiver: its place in WEBHOOK_URLS, from 1. */
  receiver: string
  /** The age of the oldest change that is not delivered; 0 if there is none. */
  lagSeconds: number
  isPaused: boolean
  outcomes: ReadonlyMap<OutcomeKind, number>
}

/** Sends the changes of accounts to the receivers of the settings. */
export interface Webhooks {
  /** Starts one sender for each URL. They do not keep the process running. */
  start: () => void
  /**
   * Stops sending. A delivery that runs may end within 3 s, and is repeated later otherwise.
   * Never rejects.
   */
  stop: () => Promise<void>
  /**
   * Notes in the database that the receivers of the settings are in use, and forgets those that
   * no server has had for 30 days.
   */
  keep: () => Promise<void>
  load: () => ReceiverLoad[]
}

/** The dependencies of {@link createWebhooks}. */
export interface WebhooksDeps {
  config: Pick<Config, 'WEBHOOK_URLS' | 'WEBHOOK_SECRET'>
  store: Pick<Store, 'webhookCursors'>
  clock: Clock
  logger: Record<'info' | 'warn' | 'error', (details: object, text: string) => void>
  /** How often it looks for changes. */
  everyMilliseconds?: number
  timeoutMilliseconds?: number
  graceMilliseconds?: number
}

const [pollMilliseconds, receiverMilliseconds, stopMilliseconds] = [1000, 5000, 3000]
const forgetMilliseconds = 30 * 86_400_000

/** Creates {@link Webhooks}. Starts nothing. */
export function createWebhooks({
  config: { WEBHOOK_URLS: urls, WEBHOOK_SECRET: secrets },
  store: { webhookCursors: cursors },
  clock,
  logger,
  everyMilliseconds = pollMilliseconds,
  timeoutMilliseconds = receiverMilliseconds,
  graceMilliseconds = stopMilliseconds,
}: WebhooksDeps): Webhooks {
  const stopping = new AbortController()
  // Each delivery listens. Node.js warns of a leak from eleven on.
  setMaxListeners(urls.length, stopping.signal)
  const owner = randomUUID()
  const checkClock = createClockCheck({ cursors, clock, logger })
  const running = new Set<Promise<void>>()
  const timers: NodeJS.Timeout[] = []
  const failing = new Set<() => Promise<void>>()
  let isStopped = false
  const receivers = urls.map((url, index) => createSender(url, String(index + 1)))

  function createSender(url: string, receiver: string): Receiver {
    const names = { receiver, host: receiverHost(url) }
    return createReceiver({
      cursors,
      clock,
      key: receiverKey(url),
      owner,
      isStopped: () => isStopped,
      deliver: async (message) =>
        await deliver(url, message, {
          secrets,
          now: clock(),
          timeoutMilliseconds,
          signal: stopping.signal,
        }),
      onOutcome: ({ kind, detail }, { before, failures, retryAt }) => {
        if (kind === 'delivered') {
          if (before > 0)
            logger.info({ event: 'webhook.recovered', ...names, failures: before }, 'webhook')
          return
        }
        const line = { ...names, outcome: kind, detail, failures }
        if (kind === 'gone')
          logger.error(
            { event: 'webhook.paused', ...line },
            `webhook: the receiver responded 410. To go on, run: npm run webhooks -- resume ${receiver}`,
          )
        else logger.warn({ event: 'webhook.failed', ...line, retry_at: retryAt }, 'webhook')
      },
    })
  }

  /** Runs one step at a time. A failure is logged once, until every step succeeds. */
  function every(milliseconds: number, step: () => Promise<void>): void {
    let isRunning = false
    const run = async () => {
      isRunning = true
      try {
        await step()
        failing.delete(step)
      } catch (err) {
        // Closing the database ends a statement that runs.
        if (failing.size === 0 && !isStopped)
          logger.error({ err }, 'webhooks: the database cannot be read; they are sent later')
        failing.add(step)
      }
      isRunning = false
    }
    const start = () => {
      if (isRunning || isStopped) return
      const turn = run().finally(() => running.delete(turn))
      running.add(turn)
    }
    start()
    timers.push(setInterval(start, milliseconds).unref())
  }

  async function stop(): Promise<void> {
    isStopped = true
    for (const timer of timers) clearInterval(timer)
    const timer = setTimeout(() => {
      stopping.abort()
    }, graceMilliseconds).unref()
    await Promise.all(running)
    clearTimeout(timer)
  }

  return {
    start: () => {
      // The senders report that the database is away.
      if (urls.length > 0)
        every(600_000, async () => {
          await checkClock().catch(() => {})
        })
      for (const { turn } of receivers) every(everyMilliseconds, turn)
    },
    stop,
    keep: async () => {
      const now = clock()
      await cursors.keep(urls.map(receiverKey), new Date(now), new Date(now - forgetMilliseconds))
    },
    load: () =>
      receivers.map(({ oldest, isPaused, outcomes }, index) => ({
        receiver: String(index + 1),
        lagSeconds: Math.max(0, clock() - (oldest()?.getTime() ?? clock())) / 1000,
        isPaused: isPaused(),
        outcomes: outcomes(),
      })),
  }
}
