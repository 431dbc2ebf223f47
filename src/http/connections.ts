import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Bounds on a connection, in milliseconds. A request whose headers or body stop half-way is
 * closed within requestTimeout + connectionsCheckingInterval; one whose answer is not read,
 * after connectionTimeout. When the server closes, what is under way has arrivalTimeout to
 * arrive.
 */
export interface ServerTimeouts {
  requestTimeout: number
  headersTimeout: number
  connectionsCheckingInterval: number
  connectionTimeout: number
  keepAliveTimeout: number
  arrivalTimeout: number
}

/**
 * How many requests of one connection may be without an answer that has left; beyond that it is
 * closed. Each takes memory for its answer, of which a client that sends many at once and reads
 * none pays nothing.
 */
export const pipelineLimit = 8

/** The bounds of the product. */
export const serverTimeouts: ServerTimeouts = {
  requestTimeout: 10_000,
  headersTimeout: 8000,
  connectionsCheckingInterval: 1000,
  connectionTimeout: 30_000,
  keepAliveTimeout: 72_000,
  arrivalTimeout: 1000,
}

/**
 * What a connection is at: how many requests have no answer that has left, and the newest of
 * them. Only the newest can be one that has not arrived whole (RFC 9112 §9.3).
 */
interface Work {
  newest: IncomingMessage | null
  waiting: number
}

/**
 * Closes a connection that sends more requests than `pipelineLimit` ahead of their answers.
 * When the application closes, gives connections on which nothing is being answered
 * `arrivalTimeout` for a request to arrive whole, then closes them: those that never sent
 * anything or stopped half-way, which Node does not count as idle. Otherwise a few silent ones
 * would hold up every restart.
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
      // What came in one piece is parsed to its end, also after that; nothing more is done for it.
      reply.hijack()
      socket.destroy()
      return
    } else work.newest = raw
    done()
  })
  app.addHook('onResponse', ({ raw }, _reply, done) => {
    const work = works.get(raw.socket)
    // An idle connection keeps nothing of its last request.
    if (work !== undefined && --work.waiting === 0) work.newest = null
    done()
  })
  app.addHook('preClose', (done) => {
    const timer = setTimeout(() => {
      for (const socket of connections) if (!isAnswering(works.get(socket))) socket.destroy()
    }, arrivalTimeout)
    app.server.once('close', () => {
      clearTimeout(timer)
    })
    done()
  })
}

function isAnswering(work: Work | undefined): boolean {
  return work !== undefined && work.waiting > (work.newest?.complete === false ? 1 : 0)
}
