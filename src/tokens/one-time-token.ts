import { createHash } from 'node:crypto'
import { type Static, type TSchema, Type } from 'typebox'
import { ownAudiences } from '../audiences.js'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { AccountClaims } from './access-token.js'
import type { KeyRing } from '../keys/key-ring.js'
import { createTokenKind } from './token-kind.js'
import { oneTimeSeconds } from './lifetimes.js'

const { auth_time: _none, ...common } = AccountClaims
const bind = Type.String({ minLength: 1 })
const PlainClaimsSchema = Type.Object({ ...common, bind })
const AddressClaimsSchema = Type.Object({ ...common, bind, email: Type.String({ minLength: 3 }) })

const UndoClaimsSchema = Type.Object({ ...common, entry: Type.String({ minLength: 1 }) })

/**
 * The claims of a verified undo token. `entry` is the id of a former address in the history of
 * the account.
 */
export type UndoClaims = Static<typeof UndoClaimsSchema>

/**
 * The claims of a verified one-time token. `bind` is a digest of the account state that it was
 * issued for.
 */
export type OneTimeClaims = Static<typeof PlainClaimsSchema>

/** The claims of a verified token that also contains an address. */
export type AddressClaims = Static<typeof AddressClaimsSchema>

/** The account state that a one-time token can be bound to. */
export interface AccountState {
  id: string
  email: string
  passwordHash: string
  tokenEpoch: number
}

/**
 * One kind of one-time token. A token is valid while the account is in the state that it was
 * issued for. Using it changes that state, so it works once.
 */
export interface OneTimeTokens<Claims extends OneTimeClaims = OneTimeClaims> {
  issue: (account: AccountState) => string
  /**
   * Returns the claims of a token. Does not look at the account.
   *
   * @throws Problem `invalid_one_time_token` if the token is not valid
   */
  verify: (token: string) => Claims
  /**
   * Returns the account if it is in the state that the token was issued for.
   *
   * @throws Problem `invalid_one_time_token` if it is not
   */
  requireState: <A extends AccountState>(claims: Claims, account: A | null) => A
}

/** One-time tokens that contain the next address of the account. */
export interface AddressTokens extends Omit<OneTimeTokens<AddressClaims>, 'issue'> {
  issue: (account: AccountState, email: string) => string
}

/** The dependencies of one-time tokens. */
export interface OneTimeTokensDeps {
  ring: KeyRing
  issuer: string
  clock: Clock
}

/**
 * Creates tokens that let the owner of the mailbox set a new password. They become invalid when
 * the password or the address changes.
 */
export function createResetTokens(deps: OneTimeTokensDeps): OneTimeTokens {
  return createOneTimeTokens(deps, resetKind(oneTimeSeconds.reset))
}

/** Creates reset tokens of a longer life, for people who do not wait for the mail. */
export function createInviteTokens(deps: OneTimeTokensDeps): Pick<OneTimeTokens, 'issue'> {
  return createOneTimeTokens(deps, resetKind(oneTimeSeconds.invite))
}

function resetKind(lifeSeconds: number): Kind {
  return {
    typ: 'reset+jwt',
    lifeSeconds,
    state: ({ passwordHash, email }) => [passwordHash, email],
  }
}

/**
 * Creates tokens that prove access to the mailbox. They become invalid when the address
 * changes.
 */
export function createVerifyTokens(deps: OneTimeTokensDeps): OneTimeTokens {
  return createOneTimeTokens(deps, {
    typ: 'verify+jwt',
    lifeSeconds: oneTimeSeconds.verify,
    state: ({ email }) => [email],
  })
}

/**
 * Creates tokens that prove access to the mailbox of a new address. They become invalid when
 * the address, the password or the epoch changes.
 */
export function createChangeTokens(deps: OneTimeTokensDeps): AddressTokens {
  return createKind<AddressClaims>(deps, AddressClaimsSchema, {
    typ: 'email+jwt',
    lifeSeconds: oneTimeSeconds.change,
    state: ({ email, passwordHash, tokenEpoch }) => [email, passwordHash, String(tokenEpoch)],
  })
}

/**
 * Tokens that give an account back to the owner of a former address. They name an entry of its
 * history and depend on no other state: a thief may have changed the rest.
 */
export interface UndoTokens {
  /**
   * Signs a token.
   *
   * @param entry the id of the former address in the history of the account
   */
  issue: (accountId: string, entry: string) => string
  /**
   * Returns the claims of a token. Does not look at the history.
   *
   * @throws Problem `invalid_one_time_token` if the token is not valid
   */
  verify: (token: string) => UndoClaims
}

/** Creates undo tokens, which live as long as the entry that they name. */
export function createUndoTokens({ ring, issuer, clock }: OneTimeTokensDeps): UndoTokens {
  const refuse = () => new Problem('invalid_one_time_token')
  const { sign, verify } = createTokenKind<UndoClaims>({
    typ: 'undo+jwt',
    schema: UndoClaimsSchema,
    audience: ownAudiences(issuer).links,
    issuer,
    ring,
    clock,
    refuse,
  })
  return {
    issue: (accountId, entry) => {
      const iat = Math.floor(clock() / 1000)
      return sign({ sub: accountId, iat, exp: iat + oneTimeSeconds.undo, entry })
    },
    verify,
  }
}

function createOneTimeTokens(deps: OneTimeTokensDeps, kind: Kind): OneTimeTokens {
  return createKind<OneTimeClaims>(deps, PlainClaimsSchema, kind)
}

interface Kind {
  typ: string
  lifeSeconds: number
  state: (account: AccountState) => string[]
}

function createKind<Claims extends OneTimeClaims>(
  { ring, issuer, clock }: OneTimeTokensDeps,
  schema: TSchema & { required: string[] },
  { typ, lifeSeconds, state }: Kind,
) {
  const refuse = () => new Problem('invalid_one_time_token')
  const { sign, verify } = createTokenKind<Claims>({
    typ,
    schema,
    audience: ownAudiences(issuer).links,
    formerAudience: issuer,
    issuer,
    ring,
    clock,
    refuse,
  })
  const digest = (account: AccountState) =>
    createHash('sha256')
      .update(JSON.stringify([typ, account.id, ...state(account)]))
      .digest('base64url')
  return {
    issue: (account: AccountState, email?: string) => {
      const iat = Math.floor(clock() / 1000)
      const claims = {
        sub: account.id,
        iat,
        exp: iat + lifeSeconds,
        bind: digest(account),
        ...(email !== undefined && { email }),
      }
      return sign(claims as unknown as Parameters<typeof sign>[0])
    },
    verify,
    requireState: <A extends AccountState>({ bind }: Claims, account: A | null) => {
      if (account === null || bind !== digest(account)) throw refuse()
      return account
    },
  }
}
