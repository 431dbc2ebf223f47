import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
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

/** A path with routes. */
export interface KnownPath {
  methods: Set<string>
  /** Whether the path has neither parameters nor wildcards. */
  isFixed: boolean
  /** Whether the path of PUBLIC_URL cannot stand before it. */
  isInternal: boolean
}

/** The paths of the routes, whatever their methods. */
export interface Paths {
  /** Adds each route from now on. */
  collect: (app: FastifyInstance) => void
  /** Returns the path that a URL leads to, or undefined. */
  find: (url: string) => KnownPath | undefined
}

/** Creates the list of paths. The framework's router looks up a path only for one method. */
export function createPaths(): Paths {
  const router = findMyWay(routing)
  const known = new Map<string, KnownPath>()
  return {
    collect: (app) => {
      app.addHook('onRoute', ({ path, method, config }) => {
        // The preflight route of CORS matches every path.
        if (path === '*') return
        const one = known.get(path) ?? {
          methods: new Set(),
          isFixed: !/[:*]/.test(path),
          isInternal: config?.internal === true,
        }
        if (!known.has(path)) router.on('GET', path, () => {}, one)
        known.set(path, one)
        for (const name of [method].flat()) one.methods.add(name)
      })
    },
    find: (url) => router.find('GET', url.replace(/[?#].*$/s, ''))?.store as KnownPath | undefined,
  }
}

/**
 * Responds 404 to unknown paths, and 405 with `Allow` to known paths with another method (RFC
 * 9110 §15.5.6). Does so before a body is read. Call it before the first route.
 */
export function refuseUnknownRoutes(app: FastifyInstance, paths: Paths): void {
  paths.collect(app)
  // Run after the plugins registered so far: a browser must be able to read these responses too.
  app.after(() => {
    app.addHook('onRequest', (request, reply, done) => {
      if (request.is404) refuseRoute(request, reply, paths)
      done()
    })
  })
  app.setNotFoundHandler(() => {
    throw new Problem('not_found')
  })
}

/**
 * Refuses a request that no route takes.
 *
 * @throws Problem
 *
 *   - `method_not_allowed` if the path has routes for other methods
 *   - `not_found` otherwise
 */
export function refuseRoute({ url }: FastifyRequest, reply: FastifyReply, paths: Paths): never {
  const known = paths.find(url)
  if (known === undefined) throw new Problem('not_found')
  reply.header('allow', [...known.methods].sort().join(', '))
  throw new Problem('method_not_allowed')
}
