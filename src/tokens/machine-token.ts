import { type Static, Type } from 'typebox'
import { Problem } from '../errors.js'
import { scopesPattern } from '../scopes.js'
import {
  type AccessClaims,
  AccessClaimsSchema,
  type AccessTokensDeps,
  AccountClaims,
  type CallerClaims,
  type IssuedAccessToken,
  subjectPattern,
} from './access-token.js'
import { createTokenKind, type VerificationRules } from './token-kind.js'

const { sub: _noAccount, auth_time: _noLogin, ...common } = AccountClaims

/**
 * The claims of the access token of a machine client, as a schema. `sub` and `client_id` are
 * both the id of the client (RFC 9068 §2.2); no token of a person has such a `client_id`. There
 * is no login, so there is no `auth_time`, and there are no roles.
 */
export const MachineClaimsSchema = Type.Object(
  {
    ...common,
    sub: Type.String({ pattern: subjectPattern, description: 'The id of the client, a UUID' }),
    client_id: Type.String({ pattern: subjectPattern, description: 'The same as `sub`' }),
    scope: Type.Optional(
      Type.String({ pattern: scopesPattern, description: 'The scopes, separated by spaces' }),
    ),
    ver: AccessClaimsSchema.properties.ver,
  },
  { additionalProperties: false },
)

/** The claims of the access token of a machine client. */
export type MachineClaims = Static<typeof MachineClaimsSchema>

/** The parts of a machine client that its access tokens carry. */
export interface TokenClient {
  id: string
  version: number
}

/** Issues the access tokens of machine clients, and has the rules that verify them. */
export interface MachineTokens {
  /** @param scope the scopes, separated by spaces; empty for none */
  issue: (client: TokenClient, scope: string) => IssuedAccessToken
  /** Returns the claims of a token. Throws Problem `invalid_token`. */
  verify: (token: string) => MachineClaims
  /** The rules. They throw Problem `invalid_token`. */
  rules: VerificationRules<MachineClaims>
}

/** Creates {@link MachineTokens} with the audience and the life of people's access tokens. */
export function createMachineTokens({
  ring,
  issuer,
  audience,
  lifeSeconds,
  clock,
}: AccessTokensDeps): MachineTokens {
  const refuse = (detail?: string) =>
    new Problem('invalid_token', detail === undefined ? {} : { detail })
  const { sign, rules, verify } = createTokenKind<MachineClaims>({
    typ: 'at+jwt',
    schema: MachineClaimsSchema,
    audience,
    issuer,
    ring,
    clock,
    refuse,
  })
  const requireSelf = (claims: MachineClaims) => {
    if (claims.client_id !== claims.sub) throw refuse()
    return claims
  }
  return {
    issue: ({ id, version }, scope) => {
      const iat = Math.floor(clock() / 1000)
      return {
        accessToken: sign({
          sub: id,
          client_id: id,
          ...(scope !== '' && { scope }),
          iat,
          exp: iat + lifeSeconds,
          ...(version > 0 && { ver: version }),
        }),
        expiresIn: lifeSeconds,
      }
    },
    verify: (token) => requireSelf(verify(token)),
    rules: {
      ...rules,
      check: (payload) => requireSelf(rules.check(payload)),
    },
  }
}

/**
 * Returns the claims of a machine client; null for those of a person.
 *
 * @param claims of a verified access token
 */
export function machineOf(claims: CallerClaims): MachineClaims | null {
  return isOfMachine(claims) ? (claims as unknown as MachineClaims) : null
}

/** Rules that verify the access tokens of people and of machine clients, each by its own rules. */
export function createCallerRules(
  person: VerificationRules<AccessClaims>,
  machine: VerificationRules<MachineClaims>,
): VerificationRules<AccessClaims | MachineClaims> {
  const rulesOf = (payload: unknown) => (isOfMachine(payload) ? machine : person)
  const shared = person.options.requiredClaims.filter((name) =>
    machine.options.requiredClaims.includes(name),
  )
  return {
    ...person,
    options: { ...person.options, requiredClaims: shared },
    check: (payload) => rulesOf(payload).check(payload),
  }
}

// A token of a person has the constant, or, from an earlier version, no client.
function isOfMachine(payload: unknown): boolean {
  const { client_id: client = 'latchkey' } = payload as { client_id?: unknown }
  return client !== 'latchkey'
}
