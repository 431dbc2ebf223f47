import cluster from 'node:cluster'
import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { NoQuery } from '../../http/schemas.js'
import type { Services } from '../../services.js'
import type { MetricsSources } from './registry.js'

/** The parts whose load is measured. */
export interface MetricsParts {
  passwords: Pick<Services['passwords'], 'load'>
  mailer: Pick<Services['mailer'], 'load'>
  store: Pick<Services['store'], 'connections'>
}

/**
 * Counts every request that gets a reply, and serves the numbers at `GET /metrics`. Call it
 * before the routes. Requests without a route count as one route. It does not count requests
 * that Node's parser or the router cannot read, nor those whose client has hung up.
 */
export function addMetrics(
  app: App,
  { passwords, mailer, store }: MetricsParts,
  worker: MetricsSources['worker'] = cluster.worker,
): void {
  // Its library takes as long to load as the rest of the server's own code, so it is loaded where
  // it is wanted.
  const plugin = async (api: App) => {
    const { createMetrics } = await import('./registry.js')
    const { answered, text, mediaType } = createMetrics({
      hashes: passwords.load,
      mails: mailer.load,
      connections: store.connections,
      worker,
    })
    api.addHook('onResponse', ({ method, is404, routeOptions }, reply, done) => {
      const policy = reply.getHeader('ratelimit-policy') as string | undefined
      answered({
        method,
        route: is404 ? 'unknown' : String(routeOptions.url),
        status: reply.statusCode,
        seconds: reply.elapsedTime / 1000,
        limit: policy?.split('"')[1],
      })
      done()
    })
    api.get(
      '/metrics',
      {
        config: { public: true },
        logLevel: 'warn',
        schema: {
          operationId: 'readMetrics',
          summary: 'Numbers for Prometheus',
          description:
            'Only with `METRICS=on`. Meant for a private network: let no one else reach this path.',
          tags: ['Operation'],
          querystring: NoQuery,
          response: {
            200: {
              description: 'The text format of Prometheus',
              content: { 'text/plain': { schema: Type.String() } },
            },
          },
        },
      },
      async (_request, reply) => await reply.type(mediaType).send(await text()),
    )
  }
  // The hook is for the whole application, not for a scope of its own.
  app.register(Object.assign(plugin, { [Symbol.for('skip-override')]: true }))
}
