import type { FastifyInstance, FastifyRequest } from 'fastify'
import { callerNetwork } from '../limits/network.js'

/**
 * Refuses requests to public routes that hash, once their headers are there, if the hash queue
 * has no room. In a flood, the work for refusals slows down the served requests. The routes
 * that hash are those whose config names the problem `overloaded`. A protected route needs no
 * such check: the guard runs first. Call it before the routes.
 *
 * @param requireRoom throws Problem `overloaded` if there is no room for a network
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
