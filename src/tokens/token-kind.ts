import { randomUUID } from 'node:crypto'
import { createDecoder, createSigner, createVerifier, TokenError } from 'fast-jwt'
import type { TSchema } from 'typebox'
import type { Clock } from '../clock.js'
import type { Problem } from '../errors.js'
import { createChecker } from '../schema-check.js'
import { isCompactJws } from './compact-form.js'
import { type KeyRing, leewaySeconds } from '../keys/key-ring.js'
import type { SigningKey } from '../keys/signing-key.js'

/** What every kind of token says (RFC 7519 §4.1); times in seconds since 1970. */
export interface CommonClaims {
  iss: string
  aud: string | string[]
  iat: number
  exp: number
  nbf?: number
  jti: string
}

/**
 * By which rules claims are taken that are known to be the issuer's. Each of them throws the
 * refusal of the kind.
 */
export interface ClaimsRules<Claims> {
  /** The claims of a payload: the JSON type of each, and its times. */
  check: (payload: unknown) => Claims
  /**
   * Whether claims that were checked before are valid now by the injected clock, within
   * {@link leewaySeconds}.
   */
  checkTimes: (claims: Claims) => void
}

/**
 * By which rules a kind of token is verified: its key, then what the signature covers, then the
 * claims. Each of them throws the refusal of the kind.
 */
export interface VerificationRules<Claims> extends ClaimsRules<Claims> {
  /**
   * The key that a header's `kid` names, if its `alg` is the algorithm of that key (RFC 8725
   * §3.1).
   */
  keyFor: (header: Record<string, unknown>) => SigningKey
  /** Whether the key of a `kid` is still one whose tokens are taken. */
  verifies: (kid: string) => boolean
  /**
   * Options of fast-jwt's verifier. Times are left to `checkTimes`, which goes by the injected
   * clock.
   */
  options: {
    checkTyp: string
    allowedIss: string
    allowedAud: string | string[]
    requiredClaims: string[]
    ignoreExpiration: true
    ignoreNotBefore: true
  }
}

/**
 * One kind of token. Kinds are told apart by `typ`, so that none is taken for another (RFC 8725
 * §3.11).
 */
export interface TokenKind<Claims> {
  /** Signs with the key whose turn it is; adds issuer, audience and a new `jti`. */
  sign: (claims: Omit<Claims, 'iss' | 'aud' | 'jti'>) => string
  /**
   * The claims of a token. Throws the refusal of the kind for everything that is not a valid
   * token of it.
   */
  verify: (token: string) => Claims
  rules: VerificationRules<Claims>
}

/**
 * What {@link createClaimsRules} needs. `refuse` makes the error for a bad token; its detail is
 * for the holder of the token.
 */
export interface ClaimsRulesDeps {
  schema: TSchema & { required: string[] }
  clock: Clock
  refuse: (detail?: string) => Problem
}

/**
 * What {@link createTokenKind} needs. `formerAudience` is verified too, for tokens that an
 * earlier version issued.
 */
export interface TokenKindDeps extends ClaimsRulesDeps {
  typ: string
  audience: string
  formerAudience?: string
  ring: KeyRing
  issuer: string
}

/**
 * Rules that go by a schema and by the injected clock; the way a token was protected is not
 * theirs.
 */
export function createClaimsRules<Claims extends CommonClaims>({
  schema,
  clock,
  refuse,
}: ClaimsRulesDeps): ClaimsRules<Claims> {
  const misfits = createChecker(schema)
  const checkTimes: ClaimsRules<Claims>['checkTimes'] = ({ exp, iat, nbf = 0 }) => {
    const now = clock() / 1000
    if (now >= exp + leewaySeconds) throw refuse('The token has expired.')
    if (now < Math.max(iat, nbf) - leewaySeconds) throw refuse('The token is not valid yet.')
  }
  return {
    check: (payload) => {
      if (misfits(payload).length > 0) throw refuse()
      checkTimes(payload as Claims)
      return payload as Claims
    },
    checkTimes,
  }
}

/**
 * A kind of signed token for one audience. Keys come from the ring at every use, so that none
 * is taken longer than the ring takes it.
 */
export function createTokenKind<Claims extends CommonClaims>({
  typ,
  audience,
  formerAudience,
  schema,
  ring,
  issuer,
  clock,
  refuse,
}: TokenKindDeps): TokenKind<Claims> {
  const signerOf = perKey(({ privatePem, alg, kid }) =>
    createSigner({ key: privatePem, algorithm: alg, kid, header: { alg, typ } }),
  )
  const options: VerificationRules<Claims>['options'] = {
    checkTyp: typ,
    allowedIss: issuer,
    allowedAud: formerAudience === undefined ? audience : [audience, formerAudience],
    requiredClaims: schema.required,
    ignoreExpiration: true,
    ignoreNotBefore: true,
  }
  const verifierOf = perKey(({ publicPem, alg }) =>
    createVerifier({ ...options, key: publicPem, algorithms: [alg] }),
  )
  const decode = createDecoder({ complete: true })
  const rules: VerificationRules<Claims> = {
    ...createClaimsRules<Claims>({ schema, clock, refuse }),
    options,
    keyFor: (header) => {
      const key = typeof header.kid === 'string' ? ring.find(header.kid) : undefined
      // No extension is understood here, so none may be critical (RFC 7515 §4.1.11).
      if (key === undefined || header.alg !== key.alg || 'crit' in header) throw refuse()
      return key
    },
    verifies: (kid) => ring.find(kid) !== undefined,
  }
  return {
    rules,
    sign: (claims) =>
      signerOf(ring.signingKey())({ iss: issuer, aud: audience, ...claims, jti: randomUUID() }),
    verify: (token) => {
      if (!isCompactJws(token)) throw refuse()
      try {
        const { header } = decode(token) as { header: Record<string, unknown> }
        return rules.check(verifierOf(rules.keyFor(header))(token))
      } catch (error) {
        throw error instanceof TokenError ? refuse() : error
      }
    },
  }
}

// What is made of a key goes with it when the ring is replaced.
function perKey<T>(make: (key: SigningKey) => T): (key: SigningKey) => T {
  const made = new WeakMap<SigningKey, T>()
  return (key) => {
    const one = made.get(key) ?? make(key)
    made.set(key, one)
    return one
  }
}
