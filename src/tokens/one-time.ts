import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { AccountClaims } from './access.js'
import type { KeyRing } from './key-ring.js'
import { createTokenKind } from './kind.js'
import { oneTimeSeconds } from './lives.js'

const { auth_time: _none, ...common } = AccountClaims
const OneTimeClaimsSchema = Type.Object({ ...common, bind: Type.String({ minLength: 1 }) })

/** What a verified one-time token says; `bind` is a digest of the state of the account that it was made for. */
export type OneTimeClaims = Static<typeof OneTimeClaimsSchema>

/** What a one-time token can be bound to. */
export interface AccountState { id: string, email: string, passwordHash: string }

/** Tokens of one kind, which are good as long as the account stays in the state that they were made for. Using one changes that state, so it works once. */
export interface OneTimeTokens {
  issue: (account: AccountState) => string
  /** The claims of a token, whose account has not been looked at. Throws Problem `invalid_one_time_token`. */
  verify: (token: string) => OneTimeClaims
  /** Throws Problem `invalid_one_time_token` unless the account is in the state that the token was made for. */
  requireState: (claims: OneTimeClaims, account: AccountState | null) => void
}

/** What one-time tokens are made with. */
export interface OneTimeTokensDeps { ring: KeyRing, issuer: string, clock: Clock }

/** Tokens that let the owner of the mailbox set a new password. They die with the present password and with the present address. */
export function createResetTokens (deps: OneTimeTokensDeps): OneTimeTokens {
  return createOneTimeTokens(deps, { typ: 'reset+jwt', lifeSeconds: oneTimeSeconds.reset, state: ({ passwordHash, email }) => [passwordHash, email] })
}

/** Tokens that prove who reads the mailbox. They die with the present address alone. */
export function createVerifyTokens (deps: OneTimeTokensDeps): OneTimeTokens {
  return createOneTimeTokens(deps, { typ: 'verify+jwt', lifeSeconds: oneTimeSeconds.verify, state: ({ email }) => [email] })
}

function createOneTimeTokens ({ ring, issuer, clock }: OneTimeTokensDeps, { typ, lifeSeconds, state }: { typ: string, lifeSeconds: number, state: (account: AccountState) => string[] }): OneTimeTokens {
  const refuse = () => new Problem('invalid_one_time_token')
  const { sign, verify } = createTokenKind<OneTimeClaims>({ typ, schema: OneTimeClaimsSchema, audience: issuer, issuer, ring, clock, refuse })
  const digest = (account: AccountState) => createHash('sha256').update(JSON.stringify([typ, account.id, ...state(account)])).digest('base64url')
  return {
    issue: (account) => {
      const iat = Math.floor(clock() / 1000)
      return sign({ sub: account.id, iat, exp: iat + lifeSeconds, bind: digest(account) })
    },
    verify,
    requireState: ({ bind }, account) => { if (account === null || bind !== digest(account)) throw refuse() }
  }
}
