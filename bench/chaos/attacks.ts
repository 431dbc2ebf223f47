import { pipelineLimit, serverTimeouts } from '../../src/http/connections.js'
import type { BenchServer } from '../server.js'
import {
  abandonLogins,
  host,
  keepAlive,
  portOf,
  post,
  sendOversize,
  unreadAnswers,
} from './attack-connections.js'
import { type Ended, endsOf, holdMany } from './sockets.js'

/** Something that is done to a server. */
export interface Attack {
  what: string
  /**
   * Does it, calls `atWorst` once when there is most of it, and says what became of its
   * connections.
   */
  run: (server: BenchServer, atWorst: () => void) => Promise<{ ends: Ended[]; notes: string }>
  /** The statuses that it may be answered with. */
  allowed: string[]
  /** In how many seconds the server must have closed each connection, where it must. */
  closedWithin?: number
  /** Whether the memory that a connection takes is worth a figure. */
  perConnection?: boolean
}

const { headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval } =
  serverTimeouts
/** How long it takes to answer all those that ask at the same moment, in seconds. */
const allAtOnce = 2

// A second for a machine that has other things to do.
const within = (milliseconds: number) => (milliseconds + connectionsCheckingInterval) / 1000 + 1
const refusals = ['400', '401', '404', '408', '413', '414', '415', '431']

/**
 * All of them, with so many connections as one machine can make.
 *
 * @param quick with a tenth of them, those that the server's time-outs end at the same time,
 *   and without answers that are not read, which take longest
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
  // As many answers as a connection may have outstanding fit into the buffers of the machine: for
  // the server they have left, and the connection is idle.
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
      what: 'too large, too deep, too long, packed',
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
            what: 'answers that are not read',
            run: async (server: BenchServer, atWorst: () => void) =>
              await unreadAnswers(server, many(1000), pipelineLimit, unread, atWorst),
            allowed: [],
            closedWithin: unread,
          },
        ]),
    {
      what: 'more requests at once than answers are read',
      run: async (server, atWorst) => await unreadAnswers(server, many(200), 300, 5, atWorst),
      allowed: [],
      closedWithin: 5,
    },
    {
      what: 'logins whose clients are gone',
      run: async (server, atWorst) => await abandonLogins(server, many(5000), account, atWorst),
      allowed: [],
    },
  ]
}

/** Several at the same moment, as one. */
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
    // Another second, since they hold each other up.
    closedWithin: 1 + Math.max(...several.map(({ closedWithin = Infinity }) => closedWithin)),
  }
}
