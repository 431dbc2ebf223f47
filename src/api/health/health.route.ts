import { Type } from 'typebox'
import { Problem } from '../../errors.js'
import type { App } from '../../http/fastify.js'
import type { Services } from '../../services.js'

const Ok = Type.Object({ status: Type.Literal('ok') }, { description: 'Healthy' })

/** Returns whether the process runs. Nothing outside the process affects the reply. */
export function livenessRoute(app: App): void {
  app.get(
    '/health/live',
    {
      config: { public: true },
      logLevel: 'warn',
      schema: {
        operationId: 'readLiveness',
        summary: 'Whether the process runs',
        description: 'Nothing outside the process affects it. Restart the process if it fails.',
        tags: ['Operation'],
        response: { 200: Ok },
      },
    },
    async () => ({ status: 'ok' as const }),
  )
}

/**
 * Returns whether requests should be sent here: the database responds, and no shutdown has
 * begun.
 */
export function readinessRoute(app: App, { ping, drain }: Services): void {
  // The route is public: concurrent probes share one query.
  let pending: Promise<void> | undefined
  const pingOnce = async () =>
    await (pending ??= ping().finally(() => {
      pending = undefined
    }))
  app.get(
    '/health/ready',
    {
      config: { public: true, problems: ['unavailable'] },
      logLevel: 'warn',
      schema: {
        operationId: 'readReadiness',
        summary: 'Whether requests should be sent here',
        description: '503 while the database is away or the server shuts down.',
        tags: ['Operation'],
        response: { 200: Ok },
      },
    },
    async () => {
      if (!drain.isReady())
        throw new Problem('unavailable', { detail: 'The server is shutting down.' })
      await pingOnce()
      return { status: 'ok' as const }
    },
  )
}
