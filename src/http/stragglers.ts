import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * When the application closes, gives connections on which nothing is being answered so many milliseconds for a request to arrive whole, then closes them: those that never sent anything or
 * stopped half-way, which Node does not count as idle. Otherwise a few silent ones would hold up every restart.
 */
export function dropStragglers (app: FastifyInstance, milliseconds: number): void {
  const connections = new Set<Socket>()
  // The newest is enough: answers go out in the order of the requests (RFC 9112 §9.3.2).
  const newest = new WeakMap<Socket, { request: IncomingMessage, reply: ServerResponse }>()
  app.server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => { connections.delete(socket) })
  })
  app.addHook('onRequest', ({ raw }, reply, done) => {
    newest.set(raw.socket, { request: raw, reply: reply.raw })
    done()
  })
  const isAnswering = (socket: Socket) => {
    const last = newest.get(socket)
    return last !== undefined && last.request.complete && !last.reply.writableFinished
  }
  app.addHook('preClose', (done) => {
    const timer = setTimeout(() => { for (const socket of connections) if (!isAnswering(socket)) socket.destroy() }, milliseconds)
    app.server.once('close', () => { clearTimeout(timer) })
    done()
  })
}
