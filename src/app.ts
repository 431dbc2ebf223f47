import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import accepts from '@fastify/accepts'
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { claimsRoute } from './claims/claims.route.js'
import { unlimited } from './attempts.js'
import type { Clock } from './clock.js'
import type { Config } from './config.js'
import { indexRoute } from './discovery/index.route.js'
import { jwksRoute } from './discovery/jwks.route.js'
import { metadataRoutes } from './discovery/metadata.route.js'
import { docsRoutes } from './docs/docs.route.js'
import { problemsRoute } from './docs/problems.route.js'
import { createChangeEmail } from './email/change.js'
import { changeEmailRoutes } from './email/change.route.js'
import { createConfirmEmailChange } from './email/confirm-change.js'
import { createResendVerification } from './email/resend.js'
import { createUndoEmailChange } from './email/undo.js'
import { undoEmailRoutes } from './email/undo.route.js'
import { createVerifyEmail } from './email/verify.js'
import { verifyEmailRoutes } from './email/verify.route.js'
import { healthRoutes } from './health/health.route.js'
import type { App } from './http/app.js'
import { createAttempts } from './http/attempts.js'
import { createClientErrorHandler } from './http/client-error.js'
import { compileWhenUsed } from './http/compilers.js'
import { collectContract } from './http/contract.js'
import { createCounters } from './http/counters.js'
import type { Drain } from './http/drain.js'
import {
  bodyLimit,
  hardenEdges,
  pipelineLimit,
  requestId,
  type ServerTimeouts,
  serverTimeouts,
} from './http/edges.js'
import { addGuard } from './http/guard.js'
import { createLimiters } from './http/limiters.js'
import { createLinkLimits } from './http/link-limits.js'
import { addLimits } from './http/limits.js'
import { logRequests } from './http/log.js'
import { refuseUnknownRoutes, routing } from './http/methods.js'
import { refuseOverload } from './http/overload.js'
import { callerNetwork, createProxyTrust } from './http/network.js'
import { createPlaces } from './http/places.js'
import { createErrorHandler } from './http/problems.js'
import type { connectRedis } from './http/redis.js'
import { addSchemas } from './http/schemas.js'
import { dropStragglers } from './http/stragglers.js'
import { traceRequests } from './http/traces.js'
import { unlimitedLinks } from './link-limits.js'
import { createLogin } from './login/login.js'
import { loginRoute } from './login/login.route.js'
import { createLogoutEverywhere } from './logout/logout.js'
import { logoutRoutes } from './logout/logout.route.js'
import type { Mailer } from './mail/mailer.js'
import { createMessages } from './mail/messages.js'
import { metricsRoute } from './metrics/metrics.route.js'
import { createMe } from './me/me.js'
import { meRoutes } from './me/me.route.js'
import { packageRoot } from './package-root.js'
import { createChangePassword } from './password/change.js'
import { changePasswordRoute } from './password/change.route.js'
import { createForgotPassword } from './password/forgot.js'
import { createResetPassword } from './password/reset.js'
import { resetPasswordRoutes } from './password/reset.route.js'
import type { Passwords } from './passwords/passwords.js'
import { createRefresh } from './refresh/refresh.js'
import { refreshRoute } from './refresh/refresh.route.js'
import { createRequestSignup } from './signup/request.js'
import { createSignup } from './signup/signup.js'
import { requestSignupRoute, signupRoute } from './signup/signup.route.js'
import type { Store } from './store/open.js'
import { createAccessTokens } from './tokens/access.js'
import { createDeviceTokens } from './tokens/device.js'
import { createIssueTokens } from './tokens/issue.js'
import type { KeyRing } from './tokens/key-ring.js'
import { oneTimeSeconds } from './tokens/lives.js'
import {
  createChangeTokens,
  createResetTokens,
  createUndoTokens,
  createVerifyTokens,
} from './tokens/one-time.js'
import { createRefreshTokens } from './tokens/refresh.js'
import { createSignupTokens } from './tokens/signup.js'

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
  const issuer = config.PUBLIC_URL
  const accessTokens = createAccessTokens({
    ring,
    issuer,
    audience: config.TOKEN_AUDIENCE,
    lifeSeconds: config.ACCESS_TOKEN_SECONDS,
    clock,
  })
  const refreshTokens = createRefreshTokens({
    ring,
    issuer,
    lifeSeconds: config.REFRESH_TOKEN_SECONDS,
    maxSeconds: config.REFRESH_MAX_SECONDS,
    clock,
  })
  const issueTokens = createIssueTokens({ accessTokens, refreshTokens, clock })
  const resetTokens = createResetTokens({ ring, issuer, clock })
  const verifyTokens = createVerifyTokens({ ring, issuer, clock })
  const changeTokens = createChangeTokens({ ring, issuer, clock })
  const undoTokens = createUndoTokens({ ring, issuer, clock })
  const signupTokens = createSignupTokens({ ring, issuer, clock })
  const requireVerified = config.REQUIRE_VERIFIED_EMAIL === 'on'
  const deviceTokens = createDeviceTokens({ ring, issuer, clock })
  const limiters = createLimiters({ counters: createCounters(redis), ring })
  const isLimited = config.RATE_LIMITS === 'on'
  const attempts = isLimited ? createAttempts({ limiters, deviceTokens }) : unlimited
  const linkLimits = isLimited ? createLinkLimits(limiters) : unlimitedLinks
  const countRefresh = async (whose: string) => {
    if (isLimited) await limiters['refresh-account'].take(whose)
  }
  const messages = createMessages({ appUrl: config.APP_URL })
  const { accounts, ping } = store
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
  const guard = addGuard(app, accessTokens.rules)
  refuseOverload(app, passwords.requireRoom)
  if (isLimited) addLimits(app, limiters)
  const places = createPlaces({
    publicUrl: config.PUBLIC_URL,
    deviceTokens: isLimited ? deviceTokens : undefined,
  })

  if (config.METRICS === 'on')
    metricsRoute(app, {
      hashes: passwords.load,
      mails: mailer.load,
      connections: store.connections,
      worker: cluster.worker,
    })

  app.register(async (api: App) => {
    if (config.SIGNUP_MODE === 'instant')
      signupRoute(api, {
        signup: createSignup({ accounts, passwords, issueTokens, verifyTokens, messages, mailer }),
        places,
      })
    else
      requestSignupRoute(api, {
        requestSignup: createRequestSignup({
          accounts,
          ping,
          passwords,
          signupTokens,
          resetTokens,
          messages,
          mailer,
        }),
        places,
      })
    loginRoute(api, {
      login: createLogin({ accounts, passwords, issueTokens, attempts, requireVerified }),
      places,
    })
    refreshRoute(api, {
      refresh: createRefresh({
        count: countRefresh,
        accounts,
        refreshTokens,
        issueTokens,
        requireVerified,
      }),
    })
    logoutRoutes(api, { logoutEverywhere: createLogoutEverywhere({ accounts }) })
    changePasswordRoute(api, {
      changePassword: createChangePassword({
        accounts,
        passwords,
        attempts,
        issueTokens,
        messages,
        mailer,
        requireVerified,
      }),
      places,
    })
    resetPasswordRoutes(api, {
      forgotPassword: createForgotPassword({ accounts, ping, resetTokens, messages, mailer }),
      resetPassword: createResetPassword({
        accounts,
        passwords,
        attempts,
        linkLimits,
        resetTokens,
        messages,
        mailer,
      }),
      places,
    })
    verifyEmailRoutes(api, {
      verifyEmail: createVerifyEmail({
        accounts,
        linkLimits,
        issueTokens,
        signupTokens,
        verifyTokens,
      }),
      resendVerification: createResendVerification({
        accounts,
        ping,
        verifyTokens,
        messages,
        mailer,
      }),
      places,
    })
    changeEmailRoutes(api, {
      changeEmail: createChangeEmail({
        accounts,
        passwords,
        attempts,
        changeTokens,
        messages,
        mailer,
        clock,
      }),
      confirmEmailChange: createConfirmEmailChange({
        accounts,
        passwords,
        attempts,
        linkLimits,
        changeTokens,
        undoTokens,
        messages,
        mailer,
        clock,
      }),
      guard,
      places,
    })
    undoEmailRoutes(api, {
      undoEmailChange: createUndoEmailChange({
        accounts,
        passwords,
        linkLimits,
        undoTokens,
        resetTokens,
        messages,
        mailer,
        clock,
      }),
      resetSeconds: oneTimeSeconds.reset,
    })
    meRoutes(api, {
      me: createMe({ accounts, passwords, attempts, messages, mailer, clock }),
      places,
    })
    claimsRoute(api)
    jwksRoute(api, { ring })
    metadataRoutes(api, { ring, issuer: config.PUBLIC_URL })
    healthRoutes(api, { ping, isReady: drain.isReady })
    indexRoute(api, { hasDocs: config.DOCS === 'on' })
    problemsRoute(api)
    if (config.DOCS === 'on')
      docsRoutes(api, {
        count: async (request) => {
          if (isLimited) await limiters['docs-network'].take(callerNetwork(request))
        },
      })
  })
  return app
}
