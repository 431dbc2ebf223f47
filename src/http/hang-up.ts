import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'

/**
 * The open requests of a connection. One listener for each would be too many for a client that
 * sends many at once.
 */
const openRequests = new WeakMap<Socket, Set<AbortController>>()

/**
 * Returns a signal that aborts when the client closes the connection before it has the
 * response. `request.signal` of Fastify 5.12 is no substitute: `request.raw` closes once its
 * body is read, so the signal aborts every request with a body. `reply.raw` closes with the
 * connection, but in Node.js 20 only for the first of several pipelined requests (RFC 9112
 * §9.3.2).
 */
export function hangUp({ raw, request }: FastifyReply): AbortSignal {
  const { socket } = request.raw
  const controller = new AbortController()
  if (socket.destroyed) controller.abort()
  const others = openRequests.get(socket) ?? watch(socket)
  others.add(controller)
  raw.once('close', () => {
    others.delete(controller)
    if (!raw.writableFinished) controller.abort()
  })
  return controller.signal
}

function watch(socket: Socket): Set<AbortController> {
  const controllers = new Set<AbortController>()
  openRequests.set(socket, controllers)
  socket.once('close', () => {
    for (const controller of controllers) controller.abort()
  })
  return controllers
}
