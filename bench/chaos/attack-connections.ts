import { setTimeout as wait } from 'node:timers/promises'
import { type BenchServer, openFiles } from '../server.js'
import { oversize } from './oversize.js'
import { type Ended, endsOf, type Held, hold, holdMany } from './sockets.js'

/** The one header that every request needs. */
export const host = 'host: localhost\r\n'
/** The head of a login, without the length of its body. */
export const post = `POST /login HTTP/1.1\r\n${host}content-type: application/json\r\n`

const live = `GET /health/live HTTP/1.1\r\n${host}\r\n`
const document = `GET /openapi.json HTTP/1.1\r\n${host}\r\n`

/** The port that a server listens on. */
export function portOf({ url }: BenchServer): number {
  return Number(new URL(url).port)
}

/**
 * Sends several requests at once and never reads the responses. A client that does not read
 * does not see the end of a connection, so this counts the open connections of the server.
 */
export async function unreadResponses(
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
  // Long enough for some requests of the probe.
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

/** Sends every kind of oversized message, many times. */
export async function sendOversize(
  server: BenchServer,
  times: number,
  atWorst: () => void,
): Promise<{ ends: Ended[]; notes: string }> {
  const all: Array<Promise<Ended>> = []
  const messages = Object.values(oversize)
  for (let turn = 0; turn < times; turn++) {
    for (const message of messages) {
      const { socket, ended } = await hold(portOf(server))
      // If the server responds without closing, the next request closes the connection.
      socket.write(message)
      socket.write(`GET /health/none HTTP/1.1\r\n${host}connection: close\r\n\r\n`)
      all.push(ended)
      await wait(5)
    }
    if (turn === Math.floor(times / 2)) atWorst()
  }
  return { ends: await Promise.all(all), notes: `${messages.length} kinds` }
}

/** Sends logins and closes each connection before the response. */
export async function abandonLogins(
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

/** Keeps connections open; each sends a request every ten seconds. */
export async function keepAlive(
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
  const responses = held.reduce((sum, { statuses }) => sum + statuses.length, 0)
  const ends = await endsOf(held, 0)
  return { ends, notes: `${sent - responses} of ${sent} without a response, ${closed} closed` }
}
