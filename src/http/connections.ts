import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Timeouts of a connection, in milliseconds. A connection is closed after requestTimeout +
 * connectionsCheckingInterval if the headers or body of a request are incomplete. It is closed
 * after connectionTimeout if its client does not read the response. When the server closes,
 * unfinished requests have arrivalTimeout to arrive.
 */
export interface ServerTimeouts {
  requestTimeout: number
  headersTimeout: number
  connectionsCheckingInterval: number
  connectionTimeout: number
  /** By default, the setting KEEP_ALIVE_SECONDS. */
  keepAliveTimeout?: number
  arrivalTimeout: number
}

/**
 * The max requests of a connection that wait for their response. Beyond that the connection is
 * closed: each response takes memory, while a client that reads none pays nothing.
 */
export const pipelineLimit = 8

/** The default timeouts. */
export const serverTimeouts: ServerTimeouts = {
  requestTimeout: 10_000,
  headersTimeout: 8000,
  connectionsCheckingInterval: 1000,
  connectionTimeout: 30_000,
  arrivalTimeout: 1000,
}

/**
 * The open requests of a connection: their number, and the newest. Only the newest may be
 * incomplete (RFC 9112 §9.3).
 */
interface Work {
  newest: IncomingMessage | null
  waiting: number
}

/**
 * Closes a connection with more than `pipelineLimit` open requests. When the application
 * closes, idle and silent connections have `arrivalTimeout` for a request to arrive, and are
 * then closed. Node does not treat connections as idle that sent nothing or stopped half-way. A
 * few of them would delay every restart.
 */
export function boundConnections(
  app: FastifyInstance,
  { arrivalTimeout }: Pick<ServerTimeouts, 'arrivalTimeout'>,
): void {
  const connections = new Set<Socket>()
  const works = new WeakMap<Socket, Work>()
  app.server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => {
      connections.delete(socket)
    })
  })
  app.addHook('onRequest', ({ raw }, reply, done) => {
    const { socket } = raw
    const work = works.get(socket)
    if (work === undefined) works.set(socket, { newest: raw, waiting: 1 })
    else if (++work.waiting > pipelineLimit) {
      // Requests of one packet are still parsed after that; do no more work for them.
      reply.hijack()
      socket.destroy()
      return
    } else work.newest = raw
    done()
  })
  app.addHook('onResponse', ({ raw }, _reply, done) => {
    const work = works.get(raw.socket)
    // An idle connection must not hold its last request in memory.
    if (work !== undefined && --work.waiting === 0) work.newest = null
    done()
  })
  app.addHook('preClose', (done) => {
    const timer = setTimeout(() => {
      for (const socket of connections) if (!isResponding(works.get(socket))) socket.destroy()
    }, arrivalTimeout)
    app.server.once('close', () => {
      clearTimeout(timer)
    })
    done()
  })
}

function isResponding(work: Work | undefined): boolean {
  return work !== undefined && work.waiting > (work.newest?.complete === false ? 1 : 0)
}
