import { Agent, createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'

/**
 * A balancer for a few servers, as there are many: it asks each whether it is ready, sends
 * requests in turn to those that are, and tries nothing twice. What it could not pass on it
 * answers with 502 and the reason.
 */
export interface Balancer {
  url: string
  close: () => void
}

/** @param every how often readiness is asked, in milliseconds */
export async function startBalancer(targets: string[], every = 50): Promise<Balancer> {
  const agent = new Agent({ keepAlive: true })
  const ready = new Set<string>()
  const ask = async (target: string) => {
    const isReady = await fetch(`${target}/health/ready`, {
      headers: { connection: 'close' },
    }).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) ready.add(target)
    else ready.delete(target)
  }
  await Promise.all(targets.map(ask))
  const timer = setInterval(() => {
    for (const target of targets) ask(target).catch(() => {})
  }, every)
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const target = [...ready][turn++ % Math.max(1, ready.size)]
    const fail = ({ code }: NodeJS.ErrnoException) => {
      outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end(code)
    }
    if (target === undefined) return fail({ name: '', message: '', code: 'nobody is ready' })
    const { hostname, port } = new URL(target)
    const { connection: _hop, ...headers } = incoming.headers
    const passed = send(
      { agent, hostname, port, method: incoming.method, path: incoming.url, headers },
      (reply) => {
        const { connection: _hop, 'keep-alive': _too, ...rest } = reply.headers
        outgoing.writeHead(reply.statusCode ?? 502, rest)
        reply.on('error', fail).pipe(outgoing)
      },
    )
    incoming.pipe(passed.on('error', fail))
  })
  // Or a client would now and then use a connection that is just being closed, and take that for a
  // failure of the servers.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      clearInterval(timer)
      server.closeAllConnections()
      server.close()
      agent.destroy()
    },
  }
}
