import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import accepts from '@fastify/accepts'
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import type { Clock } from './clock.js'
import type { Config } from './config.js'
import type { App } from './http/fastify.js'
import { createClientErrorHandler } from './http/client-error.js'
import { compileWhenUsed } from './http/compilers.js'
import { collectContract } from './http/contract.js'
import { createCounters } from './limits/counters.js'
import type { Drain } from './process/drain.js'
import {
  bodyLimit,
  hardenEdges,
  pipelineLimit,
  requestId,
  type ServerTimeouts,
  serverTimeouts,
} from './http/headers.js'
import { addGuard } from './http/guard.js'
import { createLimiters } from './limits/limiters.js'
import { addLimits } from './limits/route-limits.js'
import { logRequests } from './http/log.js'
import { refuseUnknownRoutes, routing } from './http/methods.js'
import { refuseOverload } from './http/overload.js'
import { createProxyTrust } from './limits/network.js'
import { createPlaces } from './limits/clients.js'
import { createErrorHandler } from './http/problems.js'
import type { connectRedis } from './limits/redis.js'
import { addSchemas } from './http/schemas.js'
import { dropStragglers } from './http/connections.js'
import { traceRequests } from './http/traces.js'
import type { Mailer } from './mail/mailer.js'
import { metricsRoute } from './api/metrics/metrics.route.js'
import { packageRoot } from './package-root.js'
import type { Passwords } from './passwords/passwords.js'
import type { Store } from './store/open-store.js'
import type { KeyRing } from './keys/key-ring.js'
import { addRoutes } from './routes.js'
import { createTokens } from './tokens/tokens.js'

const { version } = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as {
  version: string
}

/**
 * What the application is made of. `redis` shares the counts of the limits; `timeouts` are
 * {@link serverTimeouts} unless a test is in a hurry.
 */
export interface AppDeps {
  config: Config
  store: Store
  passwords: Passwords
  ring: KeyRing
  mailer: Mailer
  redis?: ReturnType<typeof connectRedis>
  clock: Clock
  logger: FastifyBaseLogger
  drain: Drain
  timeouts?: ServerTimeouts
}

/** How long closing waits for mails that have not been sent yet, in milliseconds. */
const mailPatience = 3000

/**
 * The whole application, not listening yet. Closing it finishes the running requests and closes
 * the store.
 */
export function buildApp({
  config,
  store,
  passwords,
  ring,
  mailer,
  redis,
  clock,
  logger,
  drain,
  timeouts = serverTimeouts,
}: AppDeps): App {
  const tokens = createTokens(config, ring, clock)
  const limiters = createLimiters({ counters: createCounters(redis), ring })
  const isLimited = config.RATE_LIMITS === 'on'
  const errorHandler = createErrorHandler(config.PUBLIC_URL)

  const app: App = fastify({
    loggerInstance: logger,
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'request_id',
    }),
    requestIdHeader: false,
    genReqId: requestId,
    bodyLimit,
    trustProxy: config.TRUST_PROXY.length > 0 && createProxyTrust(config.TRUST_PROXY),
    requestTimeout: timeouts.requestTimeout,
    connectionTimeout: timeouts.connectionTimeout,
    keepAliveTimeout: timeouts.keepAliveTimeout,
    http: {
      headersTimeout: timeouts.headersTimeout,
      connectionsCheckingInterval: timeouts.connectionsCheckingInterval,
      requireHostHeader: false,
    },
    return503OnClosing: false,
    routerOptions: routing,
    clientErrorHandler: createClientErrorHandler(config.PUBLIC_URL),
    frameworkErrors: errorHandler,
  })

  app.setErrorHandler(errorHandler)
  app.addHook('onClose', async () => {
    await mailer.close(mailPatience)
    redis?.disconnect()
    await store.close()
  })
  logRequests(app)
  traceRequests(app)
  dropStragglers(app, { arrivalTimeout: timeouts.arrivalTimeout, pipelineLimit })
  hardenEdges(app, config.CORS_ORIGINS, drain.isDraining)
  refuseUnknownRoutes(app)
  app.register(accepts)
  collectContract(app, { version, publicUrl: config.PUBLIC_URL })
  addSchemas(app)
  compileWhenUsed(app)
  const guard = addGuard(app, tokens.accessTokens.rules)
  refuseOverload(app, passwords.requireRoom)
  if (isLimited) addLimits(app, limiters)
  const places = createPlaces({
    publicUrl: config.PUBLIC_URL,
    deviceTokens: isLimited ? tokens.deviceTokens : undefined,
  })

  if (config.METRICS === 'on')
    metricsRoute(app, {
      hashes: passwords.load,
      mails: mailer.load,
      connections: store.connections,
      worker: cluster.worker,
    })

  app.register(async (api: App) => {
    addRoutes(api, {
      config,
      store,
      passwords,
      ring,
      mailer,
      clock,
      drain,
      tokens,
      limiters,
      guard,
      places,
    })
  })
  return app
}
