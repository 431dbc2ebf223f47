import type { Clock } from '../clock.js'
import type { Config } from '../config.js'
import { createAccessTokens } from './access-token.js'
import { createDeviceTokens } from './device-token.js'
import { createIssueTokens } from './issue.js'
import type { KeyRing } from '../keys/key-ring.js'
import { createCursors } from './cursors.js'
import {
  createChangeTokens,
  createInviteTokens,
  createResetTokens,
  createUndoTokens,
  createVerifyTokens,
} from './one-time-token.js'
import { createCallerRules, createMachineTokens } from './machine-token.js'
import { createRefreshTokens } from './refresh-token.js'
import { createSignupTokens } from './signup-token.js'

/** The settings that tokens depend on. */
export type TokenSettings = Pick<
  Config,
  | 'PUBLIC_URL'
  | 'TOKEN_AUDIENCE'
  | 'ACCESS_TOKEN_SECONDS'
  | 'REFRESH_TOKEN_SECONDS'
  | 'REFRESH_MAX_SECONDS'
>

/** Every kind of token of one application. */
export type Tokens = ReturnType<typeof createTokens>

/** Creates every kind of token from one key ring. */
export function createTokens(config: TokenSettings, ring: KeyRing, clock: Clock) {
  const signing = { ring, issuer: config.PUBLIC_URL, clock }
  const access = {
    ...signing,
    audience: config.TOKEN_AUDIENCE,
    lifeSeconds: config.ACCESS_TOKEN_SECONDS,
  }
  const accessTokens = createAccessTokens(access)
  const machineTokens = createMachineTokens(access)
  const refreshTokens = createRefreshTokens({
    ...signing,
    lifeSeconds: config.REFRESH_TOKEN_SECONDS,
    maxSeconds: config.REFRESH_MAX_SECONDS,
  })
  return {
    accessTokens,
    machineTokens,
    /** The rules of the access tokens of people and machine clients. */
    callerRules: createCallerRules(accessTokens.rules, machineTokens.rules),
    refreshTokens,
    issueTokens: createIssueTokens({ accessTokens, refreshTokens, clock }),
    resetTokens: createResetTokens(signing),
    inviteTokens: createInviteTokens(signing),
    verifyTokens: createVerifyTokens(signing),
    changeTokens: createChangeTokens(signing),
    undoTokens: createUndoTokens(signing),
    signupTokens: createSignupTokens(signing),
    deviceTokens: createDeviceTokens(signing),
    cursors: createCursors(ring),
  }
}
