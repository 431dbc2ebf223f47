import { loadConfig } from '../../src/config.js'
import { pipelineLimit, serverTimeouts } from '../../src/http/connections.js'
import type { BenchServer } from '../server.js'
import {
  abandonLogins,
  host,
  keepAlive,
  portOf,
  post,
  sendOversize,
  unreadResponses,
} from './attack-connections.js'
import { type Ended, endsOf, holdMany } from './sockets.js'

/** An attack on a server. */
export interface Attack {
  what: string
  /**
   * Runs the attack, calls `atWorst` once at its peak, and returns the outcome of its
   * connections.
   */
  run: (server: BenchServer, atWorst: () => void) => Promise<{ ends: Ended[]; notes: string }>
  /** The statuses that the server may respond with. */
  allowed: string[]
  /** The max time until the server closes each connection, in seconds, if it must close them. */
  closedWithin?: number
  /** Whether to report the memory of each connection. */
  perConnection?: boolean
}

const { headersTimeout, requestTimeout, connectionsCheckingInterval } = serverTimeouts
const keepAliveTimeout = loadConfig({}).KEEP_ALIVE_SECONDS * 1000
/** The time to respond to all requests of the same moment, in seconds. */
const allAtOnce = 2

// Plus one second for a busy machine.
const within = (milliseconds: number) => (milliseconds + connectionsCheckingInterval) / 1000 + 1
const refusals = ['400', '401', '404', '408', '413', '414', '415', '431']

/**
 * Returns all attacks, with as many connections as one machine can open.
 *
 * @param quick use a tenth of the connections, run the attacks that end by a timeout at the
 *   same time, and skip the unread responses, which take the most time
 */
export function attacks(quick: boolean, account: object): Attack[] {
  const many = (count: number) => (quick ? count / 10 : count)
  const slow =
    (count: number, first: string, drip: string, seconds: number) =>
    async (server: BenchServer, atWorst: () => void) => {
      const held = await holdMany(portOf(server), count, first)
      const timer = setInterval(() => {
        for (const { socket } of held) if (drip !== '' && socket.writable) socket.write(drip)
      }, 1000)
      const worst = setTimeout(atWorst, 2000)
      const ends = await endsOf(held, seconds + 5)
      clearTimeout(worst)
      clearInterval(timer)
      return { ends, notes: '' }
    }
  const [headers, body] = [within(headersTimeout), within(requestTimeout)]
  // The max number of outstanding responses fits into the buffers of the machine. So the server has
  // sent them, and the connection is idle.
  const unread = within(keepAliveTimeout) + allAtOnce
  const ended: Attack[] = [
    {
      what: 'silent sockets',
      run: slow(many(2000), '', '', headers),
      allowed: ['408'],
      closedWithin: headers,
    },
    {
      what: 'headers, a line a second',
      run: slow(many(4000), `GET /claims HTTP/1.1\r\n${host}`, 'x-a: b\r\n', headers),
      allowed: ['408'],
      closedWithin: headers,
    },
    {
      what: 'bodies, a byte a second',
      run: slow(many(4000), `${post}content-length: 9000\r\n\r\n{`, ' ', body),
      allowed: ['408'],
      closedWithin: body,
    },
    {
      what: 'bodies, a chunk a second',
      run: slow(
        many(1000),
        `${post}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`,
        '1\r\n \r\n',
        body,
      ),
      allowed: ['408'],
      closedWithin: body,
    },
    {
      what: 'too large, too deep, too long, compressed',
      run: async (server, atWorst) => await sendOversize(server, quick ? 20 : 200, atWorst),
      allowed: refusals,
      closedWithin: body,
    },
  ]
  return [
    {
      what: 'idle connections',
      run: async (server, atWorst) =>
        await keepAlive(server, many(10_000), quick ? 3 : 120, atWorst),
      allowed: ['200'],
      perConnection: true,
    },
    ...(quick
      ? [together(ended)]
      : [
          ...ended,
          {
            what: 'unread responses',
            run: async (server: BenchServer, atWorst: () => void) =>
              await unreadResponses(server, many(1000), pipelineLimit, unread, atWorst),
            allowed: [],
            closedWithin: unread,
          },
        ]),
    {
      what: 'more concurrent requests than read responses',
      run: async (server, atWorst) => await unreadResponses(server, many(200), 300, 5, atWorst),
      allowed: [],
      closedWithin: 5,
    },
    {
      what: 'abandoned logins',
      run: async (server, atWorst) => await abandonLogins(server, many(5000), account, atWorst),
      allowed: [],
    },
  ]
}

/** Combines several attacks into one that runs them at the same time. */
function together(several: Attack[]): Attack {
  return {
    what: several.map(({ what }) => what).join('; '),
    run: async (server, atWorst) => {
      const all = await Promise.all(
        several.map(async ({ run }, index) => await run(server, index === 0 ? atWorst : () => {})),
      )
      return { ends: all.flatMap(({ ends }) => ends), notes: '' }
    },
    allowed: [...new Set(several.flatMap(({ allowed }) => allowed))],
    // Plus one second, because they slow each other down.
    closedWithin: 1 + Math.max(...several.map(({ closedWithin = Infinity }) => closedWithin)),
  }
}
