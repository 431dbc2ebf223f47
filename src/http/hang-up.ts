import type { FastifyReply } from 'fastify'

/**
 * A signal that aborts when the client closes the connection before it has its answer.
 * The answer tells that. `request.signal` of Fastify 5.12 goes by `request.raw`, which is closed as soon as its body has been read, and so aborts every request that has one.
 */
export function hangUp ({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  if (raw.destroyed) controller.abort()
  else raw.once('close', () => { if (!raw.writableFinished) controller.abort() })
  return controller.signal
}
