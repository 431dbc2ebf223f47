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

/** Names the use of the derived key. It must never change, nor name another use. */
const purpose = 'latchkey signup+jwt A256GCM'

/**
 * An account that is made once its address is proven: the address in canonical form, and a PHC
 * string.
 */
export interface PendingAccount {
  email: string
  name: string | null
  passwordHash: string
}

/**
 * Tokens that carry the whole of a sign-up to the mailbox and back, so that nothing is stored
 * before the address is proven. They are encrypted (RFC 7516), for they carry the hash of the
 * password; who has the key can also have made them, so they need no signature. That one works
 * once is for the unique address of the account to see.
 */
export interface SignupTokens {
  issue: (account: PendingAccount) => Promise<string>
  /** Whether a token says that it is of this kind. Nothing of it is verified. */
  claimsKind: (token: string) => boolean
  /** What was signed up for, and the id of the token. Throws Problem `invalid_one_time_token`. */
  verify: (token: string) => Promise<PendingAccount & { jti: string }>
}

/**
 * Sign-up tokens for this API alone. They are encrypted under a secret that follows from the
 * key whose turn it is to sign.
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
    // The algorithms are fixed, and no extension or compression is understood (RFC 8725 §3.1).
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
      // The library draws the initialisation vector: good for 2^32 tokens a key (NIST SP 800-38D
      // §8.3), which at one password hash each take years.
      return await new EncryptJWT(claims)
        .setProtectedHeader({ alg, enc, kid: key.kid, typ })
        .encrypt(deriveKey(key, purpose))
    },
    claimsKind: (token) => readHeader(token).typ === typ,
    verify: async (token) => {
      const { payload } = await jwtDecrypt(token, keyFor(token), {
        issuer,
        // The issuer alone was the audience of an earlier version.
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

/** The header of a token, nothing of it verified; of what is no token, a header without members. */
function readHeader(token: string): Record<string, unknown> {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return {}
  }
}
