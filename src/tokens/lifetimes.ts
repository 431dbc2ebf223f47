import type { Config } from '../config.js'

/** Lives of one-time tokens, in seconds. */
export const oneTimeSeconds = {
  reset: 30 * 60,
  verify: 24 * 60 * 60,
  signup: 24 * 60 * 60,
  change: 24 * 60 * 60,
  undo: 7 * 24 * 60 * 60,
} as const

/**
 * Life of a device token, in seconds: as long as that of a refresh token by default, so that
 * old keys need not verify longer. Each login gives a new one.
 */
export const deviceSeconds = 30 * 24 * 60 * 60

/** The longest life of any token that is made under these settings, in seconds. */
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
