import { setTimeout as wait } from 'node:timers/promises'
import { pipelineLimit, serverTimeouts } from '../../src/http/edges.js'
import { type BenchServer, openFiles } from '../server.js'
import { oversize } from './oversize.js'
import { type Ended, endsOf, type Held, hold, holdMany } from './sockets.js'

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

const host = 'host: localhost\r\n'
const post = `POST /login HTTP/1.1\r\n${host}content-type: application/json\r\n`
const { headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval } =
  serverTimeouts
/** How long it takes to answer all those that ask at the same moment, in seconds. */
const allAtOnce = 2

// A second for a machine that has other things to do.
const within = (milliseconds: number) => (milliseconds + connectionsCheckingInterval) / 1000 + 1
const live = `GET /health/live HTTP/1.1\r\n${host}\r\n`
const document = `GET /openapi.json HTTP/1.1\r\n${host}\r\n`
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

function portOf({ url }: BenchServer): number {
  return Number(new URL(url).port)
}

/**
 * Asks for several answers at once and reads none of them. Who does not read sees no end, so
 * the open connections of the server are counted.
 */
async function unreadAnswers(
  server: BenchServer,
  count: number,
  requests: number,
  seconds: number,
  atWorst: () => void,
): Promise<{ ends: Ended[]; notes: string }> {
  const before = openFiles(server.pid)
  const held = await holdMany(portOf(server), count)
  const begin = performance.now()
  for (const { socket } of held) {
    socket.pause()
    socket.write(document.repeat(requests))
  }
  const passed = () => (performance.now() - begin) / 1000
  setTimeout(atWorst, 1000)
  let end: number | null = null
  // Long enough for the probe to see something.
  while (passed() < 3 || (end === null && passed() < seconds + 5)) {
    if (end === null && openFiles(server.pid) <= before + 20) end = passed()
    await wait(50)
  }
  await endsOf(held, 0)
  return {
    ends: held.map(() => ({ statuses: [], seconds: end })),
    notes: `${requests} requests each`,
  }
}

async function sendOversize(
  server: BenchServer,
  times: number,
  atWorst: () => void,
): Promise<{ ends: Ended[]; notes: string }> {
  const all: Array<Promise<Ended>> = []
  const messages = Object.values(oversize)
  for (let turn = 0; turn < times; turn++) {
    for (const message of messages) {
      const { socket, ended } = await hold(portOf(server))
      // Answered and not closed: the next request ends it.
      socket.write(message)
      socket.write(`GET /health/none HTTP/1.1\r\n${host}connection: close\r\n\r\n`)
      all.push(ended)
      await wait(5)
    }
    if (turn === Math.floor(times / 2)) atWorst()
  }
  return { ends: await Promise.all(all), notes: `${messages.length} kinds` }
}

async function abandonLogins(
  server: BenchServer,
  count: number,
  account: object,
  atWorst: () => void,
): Promise<{ ends: Ended[]; notes: string }> {
  const text = JSON.stringify(account)
  const ends: Ended[] = []
  const begin = performance.now()
  while (ends.length < count) {
    const held = await holdMany(portOf(server), 50)
    await Promise.all(
      held.map(async ({ socket }, index) => {
        await new Promise<void>((resolve) => {
          socket.write(`${post}content-length: ${text.length}\r\n\r\n${text}`, () => {
            resolve()
          })
        })
        if (index % 2 === 0) socket.destroy()
        else socket.resetAndDestroy()
      }),
    )
    if (ends.length === 0) atWorst()
    ends.push(...(await Promise.all(held.map(async ({ ended }) => await ended))))
  }
  return { ends, notes: `${Math.round((count / (performance.now() - begin)) * 1000)} a second` }
}

/** Each sends a request every ten seconds. */
async function keepAlive(
  server: BenchServer,
  count: number,
  seconds: number,
  atWorst: () => void,
): Promise<{ ends: Ended[]; notes: string }> {
  const held: Held[] = await holdMany(
    portOf(server),
    count,
    live,
    [1, 2, 3, 4, 5].map((last) => `127.0.0.${last}`),
  )
  const end = performance.now() + seconds * 1000
  let sent = count
  for (let turn = 0; performance.now() < end; turn = (turn + 1) % 100) {
    for (let index = turn; index < held.length; index += 100) {
      held[index]?.socket.write(live)
      sent++
    }
    await wait(100)
  }
  await wait(1000)
  atWorst()
  const closed = held.filter(({ socket }) => socket.destroyed).length
  const answers = held.reduce((sum, { statuses }) => sum + statuses.length, 0)
  const ends = await endsOf(held, 0)
  return { ends, notes: `${sent - answers} of ${sent} without an answer, ${closed} closed` }
}
