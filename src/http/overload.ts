import type { FastifyInstance } from 'fastify'
import type { Passwords } from '../passwords/passwords.js'

/**
 * Refuses requests to routes that hash as soon as their headers are there, where they could not be served in time: in a flood, what a refusal costs is taken from those who are served.
 * Call it before the routes; those that hash are those whose config names the problem `overloaded`.
 */
export function refuseOverload (app: FastifyInstance, { requireRoom }: Pick<Passwords, 'requireRoom'>): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.problems?.includes('overloaded') !== true) return
    route.onRequest = [route.onRequest ?? [], (_request: unknown, _reply: unknown, done: () => void) => {
      requireRoom()
      done()
    }].flat()
  })
}
