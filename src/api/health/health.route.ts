import { Type } from 'typebox'
import { Problem } from '../../errors.js'
import type { App } from '../../http/fastify.js'

const Ok = Type.Object({ status: Type.Literal('ok') }, { description: 'All is well' })

/**
 * What {@link healthRoutes} asks. `isReady` is false once the server is about to end; it is told
 * of every question.
 */
export interface HealthDeps {
  ping: () => Promise<void>
  isReady: () => boolean
}

/**
 * Whether the process runs, which nothing outside it can change, and whether requests should be
 * sent here.
 */
export function healthRoutes(app: App, { ping, isReady }: HealthDeps): void {
  // Anyone may ask: those who ask at the same time share one query.
  let answer: Promise<void> | undefined
  const pingOnce = async () =>
    await (answer ??= ping().finally(() => {
      answer = undefined
    }))

  app.get(
    '/health/live',
    {
      config: { public: true },
      logLevel: 'warn',
      schema: {
        operationId: 'readLiveness',
        summary: 'Whether the process runs',
        tags: ['Operation'],
        response: { 200: Ok },
      },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/health/ready',
    {
      config: { public: true, problems: ['unavailable'] },
      logLevel: 'warn',
      schema: {
        operationId: 'readReadiness',
        summary: 'Whether requests should be sent here',
        tags: ['Operation'],
        response: { 200: Ok },
      },
    },
    async () => {
      if (!isReady()) throw new Problem('unavailable', { detail: 'The server is shutting down.' })
      await pingOnce()
      return { status: 'ok' as const }
    },
  )
}
