import type { FastifyInstance } from 'fastify'

/**
 * Refuses requests to public routes that hash as soon as their headers are there, where they could not be served in time: in a flood, what a refusal costs is taken from those who are served.
 * Call it before the routes; those that hash are those whose config names the problem `overloaded`. A protected route is refused by the guard first, and hashes for nobody without an account.
 * @param requireRoom throws Problem `overloaded` where there is none
 */
export function refuseOverload (app: FastifyInstance, requireRoom: () => void): void {
  const refuse = (_request: unknown, _reply: unknown, done: () => void) => {
    requireRoom()
    done()
  }
  app.addHook('onRoute', (route) => {
    if (route.config?.public === true && route.config.problems?.includes('overloaded') === true) route.onRequest = [route.onRequest ?? [], refuse].flat()
  })
}
