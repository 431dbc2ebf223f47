import { claimsRoute } from './api/claims/claims.route.js'
import { unlimited } from './limits/attempts.js'
import type { Clock } from './clock.js'
import type { Config } from './config.js'
import { indexRoute } from './api/root/root.route.js'
import { jwksRoute } from './api/well-known/jwks.route.js'
import { metadataRoutes } from './api/well-known/metadata.route.js'
import { docsRoutes } from './api/docs/docs.route.js'
import { problemsRoute } from './api/problems/problems.route.js'
import { createChangeEmail } from './api/email/change-email.js'
import { changeEmailRoutes } from './api/email/change-email.route.js'
import { createConfirmEmailChange } from './api/email/confirm-email-change.js'
import { createResendVerification } from './api/email/resend-verification.js'
import { createUndoEmailChange } from './api/email/undo.js'
import { undoEmailRoutes } from './api/email/undo.route.js'
import { createVerifyEmail } from './api/email/verify.js'
import { verifyEmailRoutes } from './api/email/verify.route.js'
import { healthRoutes } from './api/health/health.route.js'
import type { App } from './http/fastify.js'
import { createAttempts } from './limits/attempts.js'
import type { Drain } from './process/drain.js'
import type { Guard } from './http/guard.js'
import type { Limiters } from './limits/limiters.js'
import { takeNotice } from './limits/route-limits.js'
import { createLinkLimits } from './limits/link-limits.js'
import { callerNetwork } from './limits/network.js'
import type { Places } from './limits/clients.js'
import { unlimitedLinks } from './limits/link-limits.js'
import { createLogin } from './api/login/login.js'
import { loginRoute } from './api/login/login.route.js'
import { createLogoutEverywhere } from './api/logout/logout.js'
import { logoutRoutes } from './api/logout/logout.route.js'
import type { Mailer } from './mail/mailer.js'
import { createMessages } from './mail/messages.js'
import { createMe } from './api/me/me.js'
import { meRoutes } from './api/me/me.route.js'
import { createChangePassword } from './api/password/change-password.js'
import { changePasswordRoute } from './api/password/change-password.route.js'
import { createForgotPassword } from './api/password/forgot.js'
import { createResetPassword } from './api/password/reset.js'
import { resetPasswordRoutes } from './api/password/reset.route.js'
import type { Passwords } from './passwords/passwords.js'
import { createRefresh } from './api/refresh/refresh.js'
import { refreshRoute } from './api/refresh/refresh.route.js'
import { createRequestSignup } from './api/signup/request-signup.js'
import { createSignup } from './api/signup/signup.js'
import { requestSignupRoute, signupRoute } from './api/signup/signup.route.js'
import type { Store } from './store/open-store.js'
import type { KeyRing } from './keys/key-ring.js'
import { oneTimeSeconds } from './tokens/lifetimes.js'
import type { Tokens } from './tokens/tokens.js'

/** Which parts of the application the routes are made of. */
export interface RoutesDeps {
  config: Config
  store: Store
  passwords: Passwords
  ring: KeyRing
  mailer: Mailer
  clock: Clock
  drain: Drain
  tokens: Tokens
  limiters: Limiters
  guard: Guard
  places: Places
}

/** Every route of the API, each with the feature that it calls. */
export function addRoutes(
  api: App,
  {
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
  }: RoutesDeps,
): void {
  const { accounts, ping } = store
  const { issueTokens, refreshTokens, resetTokens, verifyTokens } = tokens
  const { changeTokens, undoTokens, signupTokens, deviceTokens } = tokens
  const requireVerified = config.REQUIRE_VERIFIED_EMAIL === 'on'
  const isLimited = config.RATE_LIMITS === 'on'
  const attempts = isLimited ? createAttempts({ limiters, deviceTokens }) : unlimited
  const linkLimits = isLimited ? createLinkLimits(limiters) : unlimitedLinks
  const countNotice = async (email: string) => {
    if (isLimited) await takeNotice(limiters, email)
  }
  const countRefresh = async (whose: string) => {
    if (isLimited) await limiters['refresh-account'].take(whose)
  }
  const messages = createMessages({ appUrl: config.APP_URL })

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
      countNotice,
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
}
