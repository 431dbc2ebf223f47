import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RevocationFeed } from '../../account/revocation-feed.js'
import type { MailLoad } from '../../mail/mailer.js'
import type { HashLoad } from '../../passwords/gate.js'
import type { ConnectionLoad } from '../../store/pool.js'
import type { ReceiverLoad } from '../../webhooks/webhooks.js'

/**
 * The sources of the metrics that are read at each scrape. `connections` is null if the
 * database has no pool. `worker` is set in a worker process.
 */
export interface MetricsSources {
  hashes: () => HashLoad
  mails: () => MailLoad
  /** How often each act of an admin happened so far, by its name. */
  acts: () => ReadonlyMap<string, number>
  revocations: RevocationFeed['load']
  connections: (() => ConnectionLoad) | null
  webhooks: () => ReceiverLoad[]
  worker?: { id: number } | undefined
}

/**
 * A finished request. Its route is a template, never a URL. `limit` is the name of the limit
 * that refused it, if one did. `tokenType` says how the client holds the tokens that it got, if
 * it got any.
 */
export interface Answered {
  method: string
  route: string
  status: number
  seconds: number
  limit: string | undefined
  tokenType: string | undefined
}

/** The metrics of one application. */
export interface Metrics {
  /** Counts a finished request. */
  answered: (request: Answered) => void
  /** Returns all metrics in the text format of Prometheus. */
  text: () => Promise<string>
  /** The media type of `text`. */
  mediaType: string
}

/**
 * Upper bounds in seconds. A guarded route takes about 1 ms, a hash some 10 ms, and no request
 * more than 10 s.
 */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Creates the metrics of the product and those of Node.js: event-loop delay, memory, processor,
 * garbage collection. In a worker process, its number is a label.
 */
export function createMetrics({
  hashes,
  mails,
  acts,
  revocations,
  connections,
  webhooks,
  worker,
}: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (worker !== undefined) registry.setDefaultLabels({ worker: String(worker.id) })
  collectDefaultMetrics({ register: registry })

  const requests = new Counter({
    name: 'latchkey_http_requests_total',
    help: 'Requests that got a response.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its response.',
    labelNames: ['method', 'route'],
    buckets,
    registers,
  })
  const limited = new Counter({
    name: 'latchkey_rate_limited_total',
    help: 'Requests that a limit refused.',
    labelNames: ['limit'],
    registers,
  })
  const issued = new Counter({
    name: 'latchkey_tokens_issued_total',
    help: 'Requests that got new tokens, by the way in which the client holds them.',
    labelNames: ['token_type'],
    registers,
  })
  const shown = (name: string, help: string, read: () => number | ConnectionLoad) =>
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers,
      collect() {
        const now = read()
        if (typeof now === 'number') this.set(now)
        else for (const [state, count] of Object.entries({ ...now })) this.set({ state }, count)
      },
    })
  // Copies a counter that is kept elsewhere.
  const counted = (name: string, help: string, read: () => number | ReadonlyMap<string, number>) =>
    new Counter({
      name,
      help,
      labelNames: ['event'],
      registers,
      collect() {
        this.reset()
        const now = read()
        if (typeof now === 'number') this.inc(now)
        else for (const [event, count] of now) this.inc({ event }, count)
      },
    })

  counted('latchkey_admin_acts_total', 'Acts of admins, by the name of the event.', acts)
  shown('latchkey_hashes_running', 'Password hashes that are being computed.', () => hashes().inUse)
  shown(
    'latchkey_hashes_waiting',
    'Password hashes that wait in the queue.',
    () => hashes().waiting,
  )
  counted(
    'latchkey_hashes_shed_total',
    'Requests that were refused because their hash would have waited too long.',
    () => hashes().shed,
  )
  shown(
    'latchkey_mails_waiting',
    'Mails that wait in the queue, or for a retry.',
    () => mails().waiting,
  )
  shown('latchkey_mails_in_delivery', 'Mails that are being sent.', () => mails().inDelivery)
  counted(
    'latchkey_mails_sent_total',
    'Mails that the mail server has accepted.',
    () => mails().sent,
  )
  counted('latchkey_mails_lost_total', 'Mails that could not be sent.', () => mails().lost)
  shown(
    'latchkey_revocations_listed',
    'Versions in the last list of GET /revocations.',
    () => revocations().listed,
  )
  counted(
    'latchkey_revocations_failed_total',
    'Queries for the list of GET /revocations that failed.',
    () => revocations().failed,
  )
  if (connections !== null)
    shown(
      'latchkey_database_connections',
      'Connections to the database, in use or idle; waiting counts the queries that wait for one.',
      connections,
    )
  if (webhooks().length > 0) addWebhooks(registry, webhooks)
  return {
    answered: ({ method, route, status, seconds, limit, tokenType }) => {
      requests.inc({ method, route, status })
      durations.observe({ method, route }, seconds)
      if (limit !== undefined) limited.inc({ limit })
      if (tokenType !== undefined) issued.inc({ token_type: tokenType })
    },
    text: async () => await registry.metrics(),
    mediaType: registry.contentType,
  }
}

/** Adds the metrics of the senders of webhooks. */
function addWebhooks(registry: Registry, webhooks: () => ReceiverLoad[]): void {
  const registers = [registry]
  const shown = (name: string, help: string, read: (load: ReceiverLoad) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['receiver'],
      registers,
      collect() {
        for (const load of webhooks()) this.set({ receiver: load.receiver }, read(load))
      },
    })
  shown(
    'latchkey_webhook_lag_seconds',
    'Age of the oldest change that a receiver of webhooks does not have.',
    ({ lagSeconds }) => lagSeconds,
  )
  shown(
    'latchkey_webhook_paused',
    'Whether a receiver of webhooks is paused, after it responded 410.',
    ({ isPaused }) => Number(isPaused),
  )
  const counted = (name: string, help: string) =>
    new Counter({
      name,
      help,
      labelNames: ['receiver', 'outcome'],
      registers,
      collect() {
        this.reset()
        for (const { receiver, outcomes } of webhooks())
          for (const [outcome, count] of outcomes) this.inc({ receiver, outcome }, count)
      },
    })
  counted(
    'latchkey_webhook_deliveries_total',
    'Deliveries of webhooks by this process, by their outcome.',
  )
}
