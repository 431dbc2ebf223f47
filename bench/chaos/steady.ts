import { type Client, createClient } from '../client.js'

/**
 * The outcome of one request. Times are milliseconds of the process. `outcome` is the status,
 * or the reason why there is no response.
 */
export interface Sent {
  kind: Kind
  due: number
  done: number
  outcome: string
}

/** Requests a second of each kind. */
const mix = { claims: 100, me: 20, refresh: 20, signup: 4, login: 4, ready: 2, live: 2 }

export type Kind = keyof typeof mix

/** The kinds that need the database. */
export const needsDatabase: readonly Kind[] = ['me', 'refresh', 'signup', 'login', 'ready']

/** A load with a fixed rate, independent of the responses, until it is stopped. */
export interface SteadyLoad {
  /** The finished requests so far, with or without a response. */
  sent: Sent[]
  /** The addresses of every sign-up that was sent. */
  invoked: string[]
  /** The addresses that a 201 acknowledged. */
  acknowledged: string[]
  /** The addresses whose sign-up was refused for certain: it must have had no effect. */
  refused: string[]
  /** Stops the load and waits for the pending responses. */
  stop: () => Promise<void>
}

/** A request that takes this long counts as a hang. */
const hangMilliseconds = 10_000

const password = 'brass-lantern-under-the-stair'

/**
 * Starts the load on one healthy server, or on a balancer.
 *
 * @param rates requests a second
 * @param headers headers of each request
 */
export async function startSteadyLoad(
  url: string,
  rates: Partial<Record<Kind, number>> = mix,
  headers: () => Record<string, string> = () => ({}),
): Promise<SteadyLoad> {
  // A client for each kind, so that no request waits behind another kind.
  const clients = Object.fromEntries(
    Object.keys(mix).map((kind) => [kind, createClient(hangMilliseconds, 256)]),
  ) as Record<Kind, Client>
  const email = `${crypto.randomUUID()}@example.org`
  const reply = await clients.signup(`${url}/signup`, {
    body: { email, password },
    headers: headers(),
  })
  if (reply.status !== 201) throw new Error(`signup returned ${reply.status}: ${reply.body}`)
  const { access_token: token, refresh_token: refresh } = JSON.parse(reply.body) as {
    access_token: string
    refresh_token: string
  }
  const [invoked, acknowledged, refused] = [[email], [email], [] as string[]]
  const sent: Sent[] = []
  const message = (kind: Kind, address: string) =>
    ({
      claims: { token },
      me: { token },
      refresh: { body: { refresh_token: refresh } },
      signup: { body: { email: address, password } },
      login: { body: { email, password } },
      ready: {},
      live: {},
    })[kind]
  const path = (kind: Kind) =>
    kind === 'ready' || kind === 'live' ? `/health/${kind}` : `/${kind}`
  const send = async (kind: Kind, due: number) => {
    const address = `${crypto.randomUUID()}@example.org`
    if (kind === 'signup') invoked.push(address)
    const outcome = await clients[kind](`${url}${path(kind)}`, {
      ...message(kind, address),
      headers: headers(),
    }).then(
      ({ status, body, headers }) => {
        if (status === 502) return `502 ${body}`
        if (status !== 503) return String(status)
        return `503 ${(JSON.parse(body) as { code: string }).code}${headers['retry-after'] === undefined ? ' without Retry-After' : ''}`
      },
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    )
    if (kind === 'signup' && outcome === '201') acknowledged.push(address)
    if (kind === 'signup' && /^(4\d\d|503 overloaded)$/.test(outcome)) refused.push(address)
    sent.push({ kind, due, done: performance.now(), outcome })
  }
  const begin = performance.now()
  const started = Object.fromEntries(Object.keys(mix).map((kind) => [kind, 0])) as Record<
    Kind,
    number
  >
  const running = new Set<Promise<void>>()
  const timer = setInterval(() => {
    for (const [kind, perSecond] of Object.entries(rates) as Array<[Kind, number]>) {
      while (started[kind] < ((performance.now() - begin) * perSecond) / 1000) {
        const one = send(kind, begin + (started[kind]++ * 1000) / perSecond)
        running.add(one)
        one.finally(() => running.delete(one)).catch(() => {})
      }
    }
  }, 2)
  return {
    sent,
    invoked,
    acknowledged,
    refused,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(running)
    },
  }
}

/** Counts the requests by outcome, in one line. */
export function split(sent: Array<Pick<Sent, 'outcome'>>): string {
  const counts = new Map<string, number>()
  for (const { outcome } of sent) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return [...counts]
    .sort()
    .map(([outcome, count]) => `${count} × ${outcome}`)
    .join(', ')
}
