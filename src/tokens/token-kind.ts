import { randomUUID } from 'node:crypto'
import { createDecoder, createSigner, createVerifier, TokenError } from 'fast-jwt'
import type { TSchema } from 'typebox'
import type { Clock } from '../clock.js'
import type { Problem } from '../errors.js'
import { createChecker } from '../schema-check.js'
import { isCompactJws } from './compact-form.js'
import { type KeyRing, leewaySeconds } from '../keys/key-ring.js'
import type { SigningKey } from '../keys/signing-key.js'

/** The claims of every kind of token (RFC 7519 §4.1). Times are in seconds since 1970. */
export interface CommonClaims {
  iss: string
  aud: string | string[]
  iat: number
  exp: number
  nbf?: number
  jti: string
}

/**
 * Rules for claims that are known to be from the issuer. Each rule throws the error of its
 * token kind.
 */
export interface ClaimsRules<Claims> {
  /** Returns the claims of a payload after checking their JSON types and times. */
  check: (payload: unknown) => Claims
  /** {@link ClaimsRules.check} without the times. */
  checkTypes: (payload: unknown) => Claims
  /** Checks the times of claims again, by the injected clock, within {@link leewaySeconds}. */
  checkTimes: (claims: Pick<CommonClaims, 'exp' | 'iat' | 'nbf'>) => void
}

/**
 * Rules that verify a kind of token: its key, the signature, then the claims. Each rule throws
 * the error of its token kind.
 */
export interface VerificationRules<Claims> extends Omit<ClaimsRules<Claims>, 'checkTypes'> {
  /**
   * Returns the key that a header's `kid` names, if its `alg` is the algorithm of that key (RFC
   * 8725 §3.1).
   */
  keyFor: (header: Record<string, unknown>) => SigningKey
  /** Returns whether the key of a `kid` still verifies. */
  verifies: (kid: string) => boolean
  /** Options of fast-jwt's verifier. It ignores times: `checkTimes` uses the injected clock. */
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
 * One kind of token. The `typ` distinguishes kinds, so that a token of one kind is not accepted
 * as another (RFC 8725 §3.11).
 */
export interface TokenKind<Claims> {
  /** Signs with the current signing key. Adds issuer, audience and a new `jti`. */
  sign: (claims: Omit<Claims, 'iss' | 'aud' | 'jti'>) => string
  /** Returns the claims of a token. Throws the error of the kind if the token is not valid. */
  verify: (token: string) => Claims
  /**
   * Returns the claims of a token that may have expired, or null if the token is not valid for
   * another reason.
   */
  verifyUntimed: (token: string) => Claims | null
  rules: VerificationRules<Claims>
}

/** The dependencies of {@link createClaimsRules}. */
export interface ClaimsRulesDeps {
  schema: TSchema & { required: string[] }
  clock: Clock
  /** Creates the error for a bad token; the detail is for the holder of the token. */
  refuse: (detail?: string) => Problem
}

/** The dependencies of {@link createTokenKind}. */
export interface TokenKindDeps extends ClaimsRulesDeps {
  typ: string
  audience: string
  /** Verified too, for tokens that an earlier version issued. */
  formerAudience?: string
  ring: KeyRing
  issuer: string
}

/**
 * Creates rules from a schema and the injected clock. They do not check how a token was
 * protected.
 */
export function createClaimsRules<Claims extends CommonClaims>({
  schema,
  clock,
  refuse,
}: ClaimsRulesDeps): ClaimsRules<Claims> {
  const findErrors = createChecker(schema)
  const checkTimes: ClaimsRules<Claims>['checkTimes'] = ({ exp, iat, nbf = 0 }) => {
    const now = clock() / 1000
    if (now >= exp + leewaySeconds) throw refuse('The token has expired.')
    if (now < Math.max(iat, nbf) - leewaySeconds) throw refuse('The token is not valid yet.')
  }
  const checkTypes: ClaimsRules<Claims>['checkTypes'] = (payload) => {
    if (findErrors(payload).length > 0) throw refuse()
    return payload as Claims
  }
  return {
    check: (payload) => {
      const claims = checkTypes(payload)
      checkTimes(claims)
      return claims
    },
    checkTypes,
    checkTimes,
  }
}

/**
 * Creates a kind of signed token for one audience. Asks the ring for the key at every use, so
 * that a removed key stops working at once.
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
  const { checkTypes, ...claimsRules } = createClaimsRules<Claims>({ schema, clock, refuse })
  const rules: VerificationRules<Claims> = {
    ...claimsRules,
    options,
    keyFor: (header) => {
      const key = typeof header.kid === 'string' ? ring.find(header.kid) : undefined
      // Extensions are not supported, so `crit` is refused (RFC 7515 §4.1.11).
      if (key === undefined || header.alg !== key.alg || 'crit' in header) throw refuse()
      return key
    },
    verifies: (kid) => ring.find(kid) !== undefined,
  }
  const verifySignature = (token: string): unknown => {
    if (!isCompactJws(token)) throw refuse()
    try {
      const { header } = decode(token) as { header: Record<string, unknown> }
      return verifierOf(rules.keyFor(header))(token)
    } catch (error) {
      throw error instanceof TokenError ? refuse() : error
    }
  }
  return {
    rules,
    sign: (claims) =>
      signerOf(ring.signingKey())({ iss: issuer, aud: audience, ...claims, jti: randomUUID() }),
    verify: (token) => rules.check(verifySignature(token)),
    verifyUntimed: (token) => {
      try {
        return checkTypes(verifySignature(token))
      } catch {
        return null
      }
    },
  }
}

// Signers and verifiers are garbage-collected with their key when the ring is replaced.
function perKey<T>(create: (key: SigningKey) => T): (key: SigningKey) => T {
  const cache = new WeakMap<SigningKey, T>()
  return (key) => {
    const one = cache.get(key) ?? create(key)
    cache.set(key, one)
    return one
  }
}
