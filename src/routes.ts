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
import type { Drain } from './http/drain.js'
import type { Guard } from './http/guard.js'
import type { Limiters } from './http/limiters.js'
import { takeNotice } from './http/limits.js'
import { createLinkLimits } from './http/link-limits.js'
import { callerNetwork } from './http/network.js'
import type { Places } from './http/places.js'
import { unlimitedLinks } from './link-limits.js'
import { createLogin } from './login/login.js'
import { loginRoute } from './login/login.route.js'
import { createLogoutEverywhere } from './logout/logout.js'
import { logoutRoutes } from './logout/logout.route.js'
import type { Mailer } from './mail/mailer.js'
import { createMessages } from './mail/messages.js'
import { createMe } from './me/me.js'
import { meRoutes } from './me/me.route.js'
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
import type { KeyRing } from './tokens/key-ring.js'
import { oneTimeSeconds } from './tokens/lives.js'
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
