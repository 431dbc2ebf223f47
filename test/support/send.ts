import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { App } from '../../src/http/fastify.js'

/** What came back over the wire. */
export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/**
 * A request as it goes onto the wire: nothing of the path is tidied, and the headers are name
 * and value in turn, so that one can be sent twice.
 */
export interface Message {
  method?: string
  path: string
  headers?: string[]
}

/** Lets the application listen on the loopback and answers how to send to it, without a body. */
export async function listen(
  t: Test,
  app: App,
): Promise<{ port: number; send: (message: Message) => Promise<Answer> }> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  t.teardown(() => {
    app.server.closeAllConnections()
  })
  return { port, send: async (message) => await send(port, message) }
}

/** Sends a message to a port of this machine, on a connection of its own, without a body. */
export async function send(
  port: number,
  { method = 'GET', path, headers = [] }: Message,
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: ['host', `127.0.0.1:${port}`, 'content-length', '0', ...headers],
        agent: false,
      },
      (reply) => {
        let body = ''
        reply.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
        })
        reply
          .on('end', () => {
            resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body })
          })
          .on('error', reject)
      },
    )
    outgoing.on('error', reject).end()
  })
}
