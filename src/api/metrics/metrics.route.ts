import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { NoQuery } from '../../http/schemas.js'
import type { MetricsSources } from './registry.js'

/**
 * Counts every answered request of the application, and serves the numbers. Call it before the
 * routes. What has no route is counted as one. What Node's parser or the router cannot read,
 * and what nobody waits for any more, is not counted.
 */
export function metricsRoute(app: App, sources: MetricsSources): void {
  // Its library takes as long to load as the rest of the server's own code, so it is loaded where
  // it is wanted.
  const plugin = async (api: App) => {
    const { createMetrics } = await import('./registry.js')
    const { answered, text, mediaType } = createMetrics(sources)
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
