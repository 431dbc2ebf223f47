import type { FastifyInstance } from 'fastify'
import findMyWay from 'find-my-way'
import { Problem } from '../errors.js'

/**
 * How paths are matched: lenient in spelling, so that every spelling of a protected path meets
 * the guard.
 */
export const routing = {
  caseSensitive: false,
  ignoreTrailingSlash: true,
  ignoreDuplicateSlashes: true,
} as const

/**
 * Answers unknown paths 404, and known paths with another method 405 with `Allow` (RFC 9110
 * §15.5.6), before a body is read. Call it before the first route. The framework's router looks
 * up a path for one method; a second one here looks up the path alone.
 */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const paths = findMyWay(routing)
  const methodsOf = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ path, method }) => {
    // The preflight route of CORS takes every path and says nothing of any.
    if (path === '*') return
    if (!methodsOf.has(path))
      paths.on('GET', path, () => {}, methodsOf.set(path, new Set()).get(path))
    for (const one of [method].flat()) methodsOf.get(path)?.add(one)
  })
  // After the plugins registered so far: a browser must be able to read these answers too.
  app.after(() => {
    app.addHook('onRequest', (request, reply, done) => {
      if (!request.is404) {
        done()
        return
      }
      const methods = paths.find('GET', request.url.replace(/[?#].*$/s, ''))?.store as
        Set<string> | undefined
      if (methods === undefined) throw new Problem('not_found')
      reply.header('allow', [...methods].sort().join(', '))
      throw new Problem('method_not_allowed')
    })
  })
  app.setNotFoundHandler(() => {
    throw new Problem('not_found')
  })
}
