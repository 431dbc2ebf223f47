import type { Config } from '../config.js'

/** The lifetimes of one-time tokens, in seconds. */
export const oneTimeSeconds = {
  reset: 30 * 60,
  invite: 7 * 24 * 60 * 60,
  verify: 24 * 60 * 60,
  signup: 24 * 60 * 60,
  change: 24 * 60 * 60,
  undo: 7 * 24 * 60 * 60,
} as const

/**
 * The lifetime of a device token, in seconds. It is the default lifetime of a refresh token, so
 * that old keys need not verify longer. Each login issues a new one.
 */
export const deviceSeconds = 30 * 24 * 60 * 60

/** Returns the max lifetime of any token under these settings, in seconds. */
export function longestTokenSeconds({
  ACCESS_TOKEN_SECONDS,
  REFRESH_TOKEN_SECONDS,
  REFRESH_MAX_SECONDS,
  RATE_LIMITS,
}: Config): number {
  return Math.max(
    ACCESS_TOKEN_SECONDS,
    Math.min(REFRESH_TOKEN_SECONDS, REFRESH_MAX_SECONDS),
    ...Object.values(oneTimeSeconds),
    RATE_LIMITS === 'on' ? deviceSeconds : 0,
  )
}
