import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { createActs } from './account/acts.js'
import { createAdminMails } from './account/admin-mails.js'
import { createAdministration } from './account/administer.js'
import { createAdmission } from './account/admit.js'
import { createAuthenticateClient } from './account/authenticate-client.js'
import { mailboxOf } from './account/email-address.js'
import { createInvite } from './account/invite.js'
import { createNoteLogin } from './account/last-login.js'
import { createMails } from './account/mails.js'
import { createRevocationFeed } from './account/revocation-feed.js'
import type { Clock } from './clock.js'
import type { Config } from './config.js'
import { createSendTokens } from './http/credentials.js'
import { createSiteCheck } from './http/cross-site.js'
import { createRequestProofs } from './http/dpop.js'
import { createReturnTo } from './http/return-to.js'
import { createTokenCookies } from './http/token-cookies.js'
import { createDpopProofs } from './tokens/dpop-proof.js'
import type { KeyRing } from './keys/key-ring.js'
import { createAttempts, unlimited } from './limits/attempts.js'
import { createClients } from './limits/clients.js'
import { createCounters } from './limits/counters.js'
import { createLimiters } from './limits/limiters.js'
import { createLinkLimits, unlimitedLinks } from './limits/link-limits.js'
import { callerNetwork } from './limits/network.js'
import type { connectRedis } from './limits/redis.js'
import type { Mailer } from './mail/mailer.js'
import { createMessages } from './mail/messages.js'
import type { Passwords } from './passwords/passwords.js'
import type { Drain } from './process/drain.js'
import type { Store } from './store/open-store.js'
import { createTokens } from './tokens/tokens.js'
import { createWebhooks } from './webhooks/webhooks.js'

/** The opened parts that an application consists of. */
export interface Parts {
  config: Config
  store: Store
  passwords: Passwords
  ring: KeyRing
  mailer: Mailer
  /** Shares the counts of the limits between processes. */
  redis?: ReturnType<typeof connectRedis>
  clock: Clock
  logger: FastifyBaseLogger
  drain: Drain
}

/**
 * Everything that a route or a feature can need. Each names its dependencies: `Pick<Services,
 * …>`.
 */
export type Services = ReturnType<typeof createServices>

/** Creates every service once. Opens and starts nothing. */
export function createServices(parts: Parts) {
  const { config, store, ring, mailer, redis, clock } = parts
  const { accounts, auditLog, machineClients, ping } = store
  const { issueTokens, ...tokens } = createTokens(config, ring, clock)
  const limiters =
    config.RATE_LIMITS === 'on'
      ? createLimiters({ counters: createCounters(redis), ring })
      : undefined
  const clients = createClients({
    publicUrl: config.PUBLIC_URL,
    deviceTokens: limiters && tokens.deviceTokens,
  })
  const tokenCookies = createTokenCookies({
    ...tokens,
    publicUrl: config.PUBLIC_URL,
    domain: config.COOKIE_DOMAIN,
    sameSite: config.COOKIE_SAMESITE,
  })
  const messages = createMessages({ appUrl: config.APP_URL })
  const acts = createActs(auditLog)
  const adminMails = createAdminMails({ messages, mailer })
  return {
    ...parts,
    ...tokens,
    accounts,
    auditLog,
    machineClients,
    authenticateClient: createAuthenticateClient({ machineClients, limiters, clock }),
    ping,
    acts,
    administration: createAdministration({ accounts, acts, mails: adminMails, clock }),
    invite: createInvite({ accounts, acts, mails: adminMails, ...tokens }),
    noteLogin: createNoteLogin({ accounts, clock, logger: parts.logger }),
    webhooks: createWebhooks(parts),
    revocations: createRevocationFeed({
      findChangedVersions: store.findChangedVersions,
      accessTokenSeconds: config.ACCESS_TOKEN_SECONDS,
      clock,
      logger: parts.logger,
    }),
    limiters,
    clients,
    tokenCookies,
    sites: createSiteCheck({ publicUrl: config.PUBLIC_URL, corsOrigins: config.CORS_ORIGINS }),
    returnTo: createReturnTo({
      publicUrl: config.PUBLIC_URL,
      appUrl: config.APP_URL,
      corsOrigins: config.CORS_ORIGINS,
    }),
    proofs: createRequestProofs(createDpopProofs({ ring, clock }), config.PUBLIC_URL),
    attempts: limiters
      ? createAttempts({ limiters, deviceTokens: tokens.deviceTokens })
      : unlimited,
    linkLimits: limiters ? createLinkLimits(limiters) : unlimitedLinks,
    /** Counts a notice to an unverified address. Throws Problem `rate_limited`. */
    countNotice: async (email: string) => {
      await limiters?.['notice-mailbox'].take(mailboxOf(email))
    },
    /** Counts a refresh of an account in one epoch. Throws Problem `rate_limited`. */
    countRefresh: async (accountId: string, epoch: number) => {
      await limiters?.['refresh-account'].take(`${accountId} ${epoch}`)
    },
    /** Counts a call for a file of the documentation. Throws Problem `rate_limited`. */
    countDocs: async (request: FastifyRequest) => {
      await limiters?.['docs-network'].take(callerNetwork(request))
    },
    ...createAdmission({
      requireVerified: config.REQUIRE_VERIFIED_EMAIL === 'on',
      logger: parts.logger,
    }),
    mails: createMails({
      accounts,
      messages,
      mailer,
      tokens,
    }),
    sendTokens: createSendTokens({
      clients,
      issueTokens,
      tokenCookies,
      publicUrl: config.PUBLIC_URL,
    }),
  }
}
