import { readFileSync } from 'node:fs'
import accepts from '@fastify/accepts'
import fastify, { LogController } from 'fastify'
import { auditRoute } from './api/admin/audit.route.js'
import { createUserRoute } from './api/admin/create-user.route.js'
import { listUsersRoute } from './api/admin/list-users.route.js'
import {
  deleteUserRoute,
  logoutUserRoute,
  readUserRoute,
  updateUserRoute,
} from './api/admin/users.route.js'
import { claimsRoute } from './api/claims/claims.route.js'
import { docsRoute, openapiJsonRoute, openapiYamlRoute } from './api/docs/docs.route.js'
import { changeEmailPage } from './api/email/change-email.page.js'
import { changeEmailRoute } from './api/email/change-email.route.js'
import { confirmEmailChangeRoute } from './api/email/confirm-email-change.route.js'
import { resendVerificationPage } from './api/email/resend-verification.page.js'
import { resendVerificationRoute } from './api/email/resend-verification.route.js'
import { undoEmailPage } from './api/email/undo.page.js'
import { undoEmailChangeRoute } from './api/email/undo.route.js'
import { verifyEmailPage } from './api/email/verify.page.js'
import { verifyEmailRoute } from './api/email/verify.route.js'
import { livenessRoute, readinessRoute } from './api/health/health.route.js'
import { introspectRoute } from './api/introspect/introspect.route.js'
import { loginPage } from './api/login/login.page.js'
import { loginRoute } from './api/login/login.route.js'
import { logoutEverywhereRoute, logoutRoute } from './api/logout/logout.route.js'
import {
  deleteMeByPostRoute,
  deleteMeRoute,
  readMeRoute,
  updateMeRoute,
} from './api/me/me.route.js'
import { addMetrics } from './api/metrics/metrics.route.js'
import { changePasswordRoute } from './api/password/change-password.route.js'
import { forgotPasswordPage } from './api/password/forgot.page.js'
import { forgotPasswordRoute } from './api/password/forgot.route.js'
import { resetPasswordPage } from './api/password/reset.page.js'
import { resetPasswordRoute } from './api/password/reset.route.js'
import { listProblemsRoute, problemsRoute } from './api/problems/problems.route.js'
import { refreshNavigationRoute } from './api/refresh/refresh-navigation.route.js'
import { refreshRoute } from './api/refresh/refresh.route.js'
import { revocationsRoute } from './api/revocations/revocations.route.js'
import { rootRoute } from './api/root/root.route.js'
import { signupPage } from './api/signup/signup.page.js'
import { signupRoutes } from './api/signup/signup.route.js'
import { tokenRoute } from './api/token/token.route.js'
import { assetLinksRoute, siteAssociationRoute } from './api/well-known/app-links.route.js'
import { jwksRoute } from './api/well-known/jwks.route.js'
import { openidConfigurationRoute, serverMetadataRoute } from './api/well-known/metadata.route.js'
import type { Config } from './config.js'
import { bodyLimit, parseBodies } from './http/bodies.js'
import { createClientErrorHandler } from './http/client-error.js'
import { compileWhenUsed } from './http/compilers.js'
import { boundConnections, type ServerTimeouts, serverTimeouts } from './http/connections.js'
import { collectContract } from './http/contract.js'
import { allowOrigins } from './http/cors.js'
import type { App } from './http/fastify.js'
import { addGuard } from './http/guard.js'
import { addHeaders, requestId, type SecurityHeaders, securityHeadersFor } from './http/headers.js'
import { chooseHolding } from './http/holding.js'
import { logRequests } from './http/log.js'
import { createPaths, type Paths, refuseUnknownRoutes, routing } from './http/methods.js'
import { refuseOverload } from './http/overload.js'
import { createPrefixRemover, prefixOf } from './http/prefix.js'
import { createErrorHandler } from './http/problems.js'
import { addSchemas } from './http/schemas.js'
import { traceRequests } from './http/traces.js'
import { createProxyTrust } from './limits/network.js'
import { addLimits } from './limits/route-limits.js'
import { packageRoot } from './package-root.js'
import type { Services } from './services.js'

/** Adds one route to the application. */
export type Route = (app: App, services: Services) => void

/**
 * Returns every route, by method and path. Add your own routes here.
 *
 * @param config decides how sign-up works, and whether the documentation and the files for apps
 *   are served
 */
export function routesOf(
  config: Config,
): Record<`${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`, Route> {
  return {
    'GET /signup': signupPage,
    'POST /signup': signupRoutes[config.SIGNUP_MODE],
    'GET /login': loginPage,
    'POST /login': loginRoute,
    'GET /refresh': refreshNavigationRoute,
    'POST /refresh': refreshRoute,
    'POST /logout': logoutRoute,
    'POST /logout/everywhere': logoutEverywhereRoute,

    'POST /password/change': changePasswordRoute,
    'GET /password/forgot': forgotPasswordPage,
    'POST /password/forgot': forgotPasswordRoute,
    'GET /password/reset': resetPasswordPage,
    'POST /password/reset': resetPasswordRoute,

    'GET /email/verify': verifyEmailPage,
    'POST /email/verify': verifyEmailRoute,
    'GET /email/resend': resendVerificationPage,
    'POST /email/resend': resendVerificationRoute,
    'GET /email/change': changeEmailPage,
    'POST /email/change': changeEmailRoute,
    'POST /email/change/confirm': confirmEmailChangeRoute,
    'GET /email/undo': undoEmailPage,
    'POST /email/undo': undoEmailChangeRoute,

    'GET /me': readMeRoute,
    'PATCH /me': updateMeRoute,
    'DELETE /me': deleteMeRoute,
    'POST /me/delete': deleteMeByPostRoute,
    'GET /claims': claimsRoute,

    'GET /admin/users': listUsersRoute,
    'POST /admin/users': createUserRoute,
    'GET /admin/users/:id': readUserRoute,
    'PATCH /admin/users/:id': updateUserRoute,
    'DELETE /admin/users/:id': deleteUserRoute,
    'POST /admin/users/:id/logout': logoutUserRoute,
    'GET /admin/audit': auditRoute,

    'POST /token': tokenRoute,
    'POST /introspect': introspectRoute,

    'GET /.well-known/jwks.json': jwksRoute,
    'GET /.well-known/oauth-authorization-server': serverMetadataRoute,
    'GET /.well-known/openid-configuration': openidConfigurationRoute,
    ...(config.ANDROID_APP_LINKS.length > 0 && {
      'GET /.well-known/assetlinks.json': assetLinksRoute,
    }),
    ...(config.APPLE_APP_IDS.length > 0 && {
      'GET /.well-known/apple-app-site-association': siteAssociationRoute,
    }),

    'GET /revocations': revocationsRoute,

    'GET /health/live': livenessRoute,
    'GET /health/ready': readinessRoute,
    'GET /': rootRoute,
    'GET /problems': listProblemsRoute,
    'GET /problems/:code': problemsRoute,
    ...(config.DOCS === 'on' && {
      'GET /openapi.json': openapiJsonRoute,
      'GET /openapi.yaml': openapiYamlRoute,
      'GET /docs': docsRoute,
    }),
  }
}

/**
 * Builds the application without listening. Closing it finishes the running requests, then
 * closes the services.
 *
 * @param timeouts shorter in tests
 */
export function buildApp(services: Services, timeouts: ServerTimeouts = serverTimeouts): App {
  const { config, passwords, callerRules, limiters, tokenCookies, sites, proofs } = services
  const paths = createPaths()
  const headers = securityHeadersFor(config.HSTS_SUBDOMAINS === 'on')
  const app = createServer(services, { timeouts, paths, headers })

  // Every request passes these, in this order.
  logRequests(app)
  traceRequests(app)
  boundConnections(app, timeouts)
  addHeaders(app, headers, services.drain.isDraining)
  allowOrigins(app, config.CORS_ORIGINS, paths)
  parseBodies(app)
  refuseUnknownRoutes(app, paths)
  app.register(accepts)
  collectContract(app, {
    version: readVersion(),
    publicUrl: config.PUBLIC_URL,
    order: Object.keys(routesOf(config)),
  })
  addSchemas(app)
  compileWhenUsed(app)
  addGuard(app, { rules: callerRules, cookies: tokenCookies, sites, proofs })
  refuseOverload(app, passwords.requireRoom)
  chooseHolding(app, { sites, proofs })
  if (limiters) addLimits(app, limiters)
  if (config.METRICS === 'on') addMetrics(app, services)

  app.register(async (api: App) => {
    for (const route of Object.values(routesOf(config))) route(api, services)
  })
  return app
}

/** The max time that closing waits for unsent mails, in milliseconds. */
const mailTimeout = 3000

interface ServerParts {
  timeouts: ServerTimeouts
  paths: Paths
  headers: SecurityHeaders
}

function createServer(services: Services, { timeouts, paths, headers }: ServerParts): App {
  const { config, logger, mailer, redis, store } = services
  const errorHandler = createErrorHandler(config.PUBLIC_URL, headers)
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
    keepAliveTimeout: timeouts.keepAliveTimeout ?? config.KEEP_ALIVE_SECONDS * 1000,
    http: {
      headersTimeout: timeouts.headersTimeout,
      connectionsCheckingInterval: timeouts.connectionsCheckingInterval,
      requireHostHeader: false,
    },
    return503OnClosing: false,
    routerOptions: routing,
    ...(prefixOf(config.PUBLIC_URL) !== '' && {
      rewriteUrl: createPrefixRemover(config.PUBLIC_URL, paths),
    }),
    clientErrorHandler: createClientErrorHandler(config.PUBLIC_URL, headers),
    frameworkErrors: errorHandler,
  })
  app.setErrorHandler(errorHandler)
  app.addHook('onClose', async () => {
    await mailer.close(mailTimeout)
    redis?.disconnect()
    await store.close()
  })
  return app
}

function readVersion(): string {
  const text = readFileSync(new URL('package.json', packageRoot), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
