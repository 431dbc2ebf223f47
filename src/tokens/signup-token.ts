import { randomUUID } from 'node:crypto'
import { decodeProtectedHeader } from 'jose/decode/protected_header'
import { jwtDecrypt } from 'jose/jwt/decrypt'
import { EncryptJWT } from 'jose/jwt/encrypt'
import { type Static, Type } from 'typebox'
import { ownAudiences } from '../audiences.js'
import { Problem } from '../errors.js'
import { AccountClaims } from './access-token.js'
import { isCompactJwe } from './compact-form.js'
import { deriveKey } from '../keys/derived-key.js'
import { leewaySeconds } from '../keys/key-ring.js'
import { createClaimsRules } from './token-kind.js'
import { oneTimeSeconds } from './lifetimes.js'
import type { OneTimeTokensDeps } from './one-time-token.js'

const { sub: _noAccount, auth_time: _none, ...common } = AccountClaims
const ClaimsSchema = Type.Object({
  ...common,
  email: Type.String({ minLength: 3 }),
  name: Type.Union([Type.String({ minLength: 1 }), Type.Null()]),
  password_hash: Type.String({ minLength: 1 }),
})

const typ = 'signup+jwt'
const alg = 'dir'
const enc = 'A256GCM'

/** The name of the use of the derived key. It must never change, or be used for another key. */
const purpose = 'latchkey signup+jwt A256GCM'

/**
 * An account that is created once its address is proven. The address is in canonical form, the
 * hash is a PHC string.
 */
export interface PendingAccount {
  email: string
  name: string | null
  passwordHash: string
}

/**
 * Tokens that carry a whole sign-up to the mailbox and back. So nothing is stored before the
 * address is proven. They contain the password hash, so they are encrypted (RFC 7516). They
 * need no signature: only a holder of the key can create them. Single use is enforced by the
 * unique address of the account.
 */
export interface SignupTokens {
  /** Encrypts a token. */
  issue: (account: PendingAccount) => Promise<string>
  /** Returns whether a token claims to be of this kind. Verifies nothing. */
  claimsKind: (token: string) => boolean
  /**
   * Returns the pending account and the id of the token.
   *
   * @throws Problem `invalid_one_time_token` if the token is not valid
   */
  verify: (token: string) => Promise<PendingAccount & { jti: string }>
}

/**
 * Creates sign-up tokens for this API alone. The encryption key is derived from the key that
 * signs now.
 */
export function createSignupTokens({ ring, issuer, clock }: OneTimeTokensDeps): SignupTokens {
  const refuse = () => new Problem('invalid_one_time_token')
  const audience = ownAudiences(issuer).links
  const { check } = createClaimsRules<Static<typeof ClaimsSchema>>({
    schema: ClaimsSchema,
    clock,
    refuse,
  })
  const keyFor = (token: string) => {
    const { kid, ...rest } = isCompactJwe(token) ? readHeader(token) : {}
    const key = typeof kid === 'string' ? ring.find(kid) : undefined
    // The algorithms are fixed. Extensions and compression are not supported (RFC 8725 §3.1).
    if (
      key === undefined ||
      Object.keys(rest).length > 3 ||
      rest.alg !== alg ||
      rest.enc !== enc ||
      rest.typ !== typ
    )
      throw refuse()
    return deriveKey(key, purpose)
  }
  return {
    issue: async ({ email, name, passwordHash }) => {
      const key = ring.signingKey()
      const iat = Math.floor(clock() / 1000)
      const claims = {
        iss: issuer,
        aud: audience,
        iat,
        exp: iat + oneTimeSeconds.signup,
        jti: randomUUID(),
        email,
        name,
        password_hash: passwordHash,
      }
      // The library draws a random initialisation vector, which is safe for 2^32 tokens a key (NIST
      // SP 800-38D §8.3). At one password hash for each token, that many take years.
      return await new EncryptJWT(claims)
        .setProtectedHeader({ alg, enc, kid: key.kid, typ })
        .encrypt(deriveKey(key, purpose))
    },
    claimsKind: (token) => readHeader(token).typ === typ,
    verify: async (token) => {
      const { payload } = await jwtDecrypt(token, keyFor(token), {
        issuer,
        // Tokens of an earlier version have the issuer as audience.
        audience: [audience, issuer],
        typ,
        keyManagementAlgorithms: [alg],
        contentEncryptionAlgorithms: [enc],
        currentDate: new Date(clock()),
        clockTolerance: leewaySeconds,
      }).catch(() => {
        throw refuse()
      })
      const { email, name, password_hash: passwordHash, jti } = check(payload)
      return { email, name, passwordHash, jti }
    },
  }
}

/** Returns the unverified header of a token; an empty object if the text is not a token. */
function readHeader(token: string): Record<string, unknown> {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return {}
  }
}
