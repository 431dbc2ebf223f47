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
 * What a verified undo token says; `entry` is the id of a former address in the history of the
 * account.
 */
export type UndoClaims = Static<typeof UndoClaimsSchema>

/**
 * What a verified one-time token says; `bind` is a digest of the state of the account that it
 * was made for.
 */
export type OneTimeClaims = Static<typeof PlainClaimsSchema>

/** The same of a token that carries an address. */
export type AddressClaims = Static<typeof AddressClaimsSchema>

/** What a one-time token can be bound to. */
export interface AccountState {
  id: string
  email: string
  passwordHash: string
  tokenEpoch: number
}

/**
 * Tokens of one kind, which are good as long as the account stays in the state that they were
 * made for. Using one changes that state, so it works once.
 */
export interface OneTimeTokens<Claims extends OneTimeClaims = OneTimeClaims> {
  issue: (account: AccountState) => string
  /**
   * The claims of a token, whose account has not been looked at. Throws Problem
   * `invalid_one_time_token`.
   */
  verify: (token: string) => Claims
  /**
   * The account, if it is in the state that the token was made for. Throws Problem
   * `invalid_one_time_token`.
   */
  requireState: <A extends AccountState>(claims: Claims, account: A | null) => A
}

/** Tokens that carry the address that the account is to have. */
export interface AddressTokens extends Omit<OneTimeTokens<AddressClaims>, 'issue'> {
  issue: (account: AccountState, email: string) => string
}

/** What one-time tokens are made with. */
export interface OneTimeTokensDeps {
  ring: KeyRing
  issuer: string
  clock: Clock
}

/**
 * Tokens that let the owner of the mailbox set a new password. They die with the present
 * password and with the present address.
 */
export function createResetTokens(deps: OneTimeTokensDeps): OneTimeTokens {
  return createOneTimeTokens(deps, {
    typ: 'reset+jwt',
    lifeSeconds: oneTimeSeconds.reset,
    state: ({ passwordHash, email }) => [passwordHash, email],
  })
}

/** Tokens that prove who reads the mailbox. They die with the present address alone. */
export function createVerifyTokens(deps: OneTimeTokensDeps): OneTimeTokens {
  return createOneTimeTokens(deps, {
    typ: 'verify+jwt',
    lifeSeconds: oneTimeSeconds.verify,
    state: ({ email }) => [email],
  })
}

/**
 * Tokens that prove the mailbox of a new address. They die when the address, the password or
 * the epoch changes.
 */
export function createChangeTokens(deps: OneTimeTokensDeps): AddressTokens {
  return createKind<AddressClaims>(deps, AddressClaimsSchema, {
    typ: 'email+jwt',
    lifeSeconds: oneTimeSeconds.change,
    state: ({ email, passwordHash, tokenEpoch }) => [email, passwordHash, String(tokenEpoch)],
  })
}

/**
 * Tokens that give an account to the owner of a former address. They name an entry of its
 * history and depend on nothing else: a thief may have changed the rest.
 */
export interface UndoTokens {
  /** @param entry the id of the former address in the history of the account */
  issue: (accountId: string, entry: string) => string
  /**
   * The claims of a token; the history has not been looked at. Throws Problem
   * `invalid_one_time_token`.
   */
  verify: (token: string) => UndoClaims
}

/** Undo tokens, which live as long as the entry that they name. */
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
