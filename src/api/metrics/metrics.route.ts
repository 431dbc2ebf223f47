import cluster from 'node:cluster'
import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { NoQuery } from '../../http/schemas.js'
import type { Services } from '../../services.js'
import type { MetricsSources } from './registry.js'

const example = 'latchkey_http_requests_total{method="GET",route="/me",status="200"} 1\n'

/** The parts whose load is measured. */
export interface MetricsParts {
  passwords: Pick<Services['passwords'], 'load'>
  mailer: Pick<Services['mailer'], 'load'>
  acts: Pick<Services['acts'], 'counts'>
  revocations: Pick<Services['revocations'], 'load'>
  store: Pick<Services['store'], 'connections'>
  webhooks: Pick<Services['webhooks'], 'load'>
}

/**
 * Counts every request that gets a response, and serves the metrics at `GET /metrics`. Requests
 * without a route count as one route. It does not count requests that Node's parser or the
 * router cannot read, nor requests whose client has hung up. Call it before the routes.
 */
export function addMetrics(
  app: App,
  { passwords, mailer, acts, revocations, store, webhooks }: MetricsParts,
  worker: MetricsSources['worker'] = cluster.worker,
): void {
  // Load the library only if metrics are on: it takes as long as the rest of the server's code.
  const plugin = async (api: App) => {
    const { createMetrics } = await import('./registry.js')
    const { answered, text, mediaType } = createMetrics({
      hashes: passwords.load,
      mails: mailer.load,
      acts: acts.counts,
      revocations: revocations.load,
      connections: store.connections,
      webhooks: webhooks.load,
      worker,
    })
    api.addHook('onResponse', (request, reply, done) => {
      const { method, is404, routeOptions, tokensIssued, holding } = request
      const policy = reply.getHeader('ratelimit-policy') as string | undefined
      answered({
        method,
        route: is404 ? 'unknown' : String(routeOptions.url),
        status: reply.statusCode,
        seconds: reply.elapsedTime / 1000,
        limit: policy?.split('"')[1],
        tokenType: tokensIssued ? holding?.tokenType : undefined,
      })
      done()
    })
    api.get(
      '/metrics',
      {
        config: { public: true, internal: true },
        logLevel: 'warn',
        schema: {
          operationId: 'readMetrics',
          summary: 'Metrics for Prometheus',
          description:
            'Only with `METRICS=on`. For a private network: block this path for everyone else. It has no address under the path of `PUBLIC_URL`.',
          tags: ['Operation'],
          querystring: NoQuery,
          response: {
            200: {
              description: 'The metrics, in the text format of Prometheus',
              content: { 'text/plain': { schema: Type.String({ examples: [example] }) } },
            },
          },
        },
      },
      async (_request, reply) => await reply.type(mediaType).send(await text()),
    )
  }
  // Add the hook to the whole application, not to a scope.
  app.register(Object.assign(plugin, { [Symbol.for('skip-override')]: true }))
}
