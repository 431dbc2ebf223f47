import type { FastifyInstance } from 'fastify'
import findMyWay from 'find-my-way'
import { Problem } from '../errors.js'

/**
 * The spelling rules for paths. They are lenient, so that every spelling of a protected path
 * reaches the guard.
 */
export const routing = {
  caseSensitive: false,
  ignoreTrailingSlash: true,
  ignoreDuplicateSlashes: true,
} as const

/**
 * Responds 404 to unknown paths, and 405 with `Allow` to known paths with another method (RFC
 * 9110 §15.5.6). Does so before a body is read. The framework's router looks up a path for one
 * method; a second router looks up the path alone. Call it before the first route.
 */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const paths = findMyWay(routing)
  const methodsOf = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ path, method }) => {
    // The preflight route of CORS matches every path.
    if (path === '*') return
    if (!methodsOf.has(path))
      paths.on('GET', path, () => {}, methodsOf.set(path, new Set()).get(path))
    for (const one of [method].flat()) methodsOf.get(path)?.add(one)
  })
  // Run after the plugins registered so far: a browser must be able to read these responses too.
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
