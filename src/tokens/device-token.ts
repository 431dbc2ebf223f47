import { createHash, randomBytes } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { ownAudiences } from '../audiences.js'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { AccountClaims } from './access-token.js'
import type { KeyRing } from '../keys/key-ring.js'
import { createTokenKind } from './token-kind.js'
import { deviceSeconds } from './lifetimes.js'

const { sub: _noAccount, auth_time: _noTime, ...common } = AccountClaims
const DeviceClaimsSchema = Type.Object({ ...common, bind: Type.String({ minLength: 1 }) })

/**
 * Tokens that prove that a device has logged in to an address before (OWASP, "Slow Down Online
 * Guessing Attacks with Device Cookies"). They grant no access: attempts with a device token
 * are counted apart from those of strangers.
 */
export interface DeviceTokens {
  /**
   * Signs a token for an address.
   *
   * @param email in canonical form; the token contains a salted digest of it
   */
  issue: (email: string) => string
  /** Returns the id of the device if the token is valid for this address, or null. */
  find: (token: string, email: string) => string | null
}

/** The dependencies of {@link createDeviceTokens}. */
export interface DeviceTokensDeps {
  ring: KeyRing
  issuer: string
  clock: Clock
}

/** Creates device tokens for this API alone, which expire after {@link deviceSeconds}. */
export function createDeviceTokens({ ring, issuer, clock }: DeviceTokensDeps): DeviceTokens {
  const kind = createTokenKind<Static<typeof DeviceClaimsSchema>>({
    typ: 'device+jwt',
    schema: DeviceClaimsSchema,
    audience: ownAudiences(issuer).devices,
    formerAudience: issuer,
    issuer,
    ring,
    clock,
    refuse: () => new Problem('invalid_token'),
  })
  const bindTo = (email: string, salt: string) =>
    `${salt}.${createHash('sha256')
      .update(JSON.stringify(['device+jwt', salt, email]))
      .digest('base64url')}`
  return {
    issue: (email) => {
      const iat = Math.floor(clock() / 1000)
      return kind.sign({
        iat,
        exp: iat + deviceSeconds,
        bind: bindTo(email, randomBytes(16).toString('base64url')),
      })
    },
    find: (token, email) => {
      try {
        const { bind, jti } = kind.verify(token)
        return bind === bindTo(email, bind.split('.')[0] as string) ? jti : null
      } catch {
        return null
      }
    },
  }
}
