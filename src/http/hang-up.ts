import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'

/**
 * The requests of a connection that have no answer yet. One listener each would be too many
 * where a client sends many at once.
 */
const unanswered = new WeakMap<Socket, Set<AbortController>>()

/**
 * A signal that aborts when the client closes the connection before it has its answer.
 * `request.signal` of Fastify 5.12 goes by `request.raw`, which is closed as soon as its body
 * has been read, and so aborts every request that has one. The answer is closed when the
 * connection is, but in Node.js 20 only the first of those that wait for one another on one
 * connection (RFC 9112 §9.3.2).
 */
export function hangUp({ raw, request }: FastifyReply): AbortSignal {
  const { socket } = request.raw
  const controller = new AbortController()
  if (socket.destroyed) controller.abort()
  const others = unanswered.get(socket) ?? watch(socket)
  others.add(controller)
  raw.once('close', () => {
    others.delete(controller)
    if (!raw.writableFinished) controller.abort()
  })
  return controller.signal
}

function watch(socket: Socket): Set<AbortController> {
  const controllers = new Set<AbortController>()
  unanswered.set(socket, controllers)
  socket.once('close', () => {
    for (const controller of controllers) controller.abort()
  })
  return controllers
}
