import type { FastifyInstance, FastifyRequest } from 'fastify'
import { callerNetwork } from '../limits/network.js'

/**
 * Refuses requests to public routes that hash as soon as their headers are there, where they
 * could not be served in time: in a flood, what a refusal costs is taken from those who are
 * served. Call it before the routes; those that hash are those whose config names the problem
 * `overloaded`. A protected route is refused by the guard first, and hashes for nobody without
 * an account.
 *
 * @param requireRoom throws Problem `overloaded` where there is none for a network
 */
export function refuseOverload(app: FastifyInstance, requireRoom: (network: string) => void): void {
  const refuse = (request: FastifyRequest, _reply: unknown, done: () => void) => {
    requireRoom(callerNetwork(request))
    done()
  }
  app.addHook('onRoute', (route) => {
    if (route.config?.public === true && route.config.problems?.includes('overloaded') === true)
      route.onRequest = [route.onRequest ?? [], refuse].flat()
  })
}
