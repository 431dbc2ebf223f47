import { createServer, request as send } from 'node:http'
import { once } from 'node:events'
import type { Test } from 'tap'

/**
 * The two kinds of proxy before a server under a path: nginx with and without a URI in
 * `proxy_pass`, Traefik with and without StripPrefix.
 */
export const proxyKinds = ['strips the path', 'passes the path on'] as const
export type ProxyKind = (typeof proxyKinds)[number]

/**
 * Starts a proxy that passes on what is under `/auth`, in every spelling, and the well-known
 * paths of the host. Other paths get 404 with the text `another service`.
 */
export async function startPrefixProxy(
  t: Test,
  { kind, port, target }: { kind: ProxyKind; port: number; target: string },
): Promise<void> {
  const server = createServer((incoming, outgoing) => {
    const url = String(incoming.url)
    const [, given = '', rest = ''] = /^(\/+[^/?]*)(.*)$/s.exec(url) ?? []
    const isUnder = decodeURIComponent(given).replace(/^\/+/, '').toLowerCase() === 'auth'
    if (!isUnder && !url.startsWith('/.well-known/')) {
      outgoing.writeHead(404).end('another service')
      return
    }
    const stripped = rest.startsWith('/') ? rest : `/${rest}`
    const path = isUnder && kind === 'strips the path' ? stripped : url
    const { method, headers } = incoming
    const passed = send(new URL(target), { method, path, headers }, (reply) => {
      outgoing.writeHead(Number(reply.statusCode), reply.headers)
      reply.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close().closeAllConnections()
  })
}
