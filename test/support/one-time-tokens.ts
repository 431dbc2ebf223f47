import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { outcome, type TestApp } from '../helper.js'
import { decode, forge, signer } from './forge.js'
import { hostileTokens, type HostileRow, type TokenParts } from './hostile-tokens.js'
import { everyRowIs } from './table.js'

/** Takes the token of a mail apart: `make` forges it again with changes, by the first key. */
export function takeApart({ jwks }: Pick<TestApp, 'jwks'>, token: string): TokenParts {
  const { header, payload: claims } = decode(token)
  const jwk = jwks.keys[0] ?? {}
  return {
    header,
    claims,
    jwk,
    make: (changes = {}) =>
      forge(
        { ...header, ...changes.header },
        { ...claims, ...changes.claims },
        changes.sign ?? signer(jwk),
      ),
  }
}

/** The hostile tokens of all parts as one table. Each name begins with the part that is bad. */
export function hostileRows(parts: TokenParts): HostileRow[] {
  return Object.entries(hostileTokens(parts)).flatMap(([part, rows]) =>
    rows.map(([name, token]): HostileRow => [`${part}: ${name}`, token]),
  )
}

/**
 * Asserts that a route refuses every token that can be forged of a good one, and those of more
 * rows, with 400 `invalid_one_time_token`.
 */
export async function refusesHostileTokens(
  t: Test,
  parts: TokenParts,
  use: (token: string) => Promise<LightMyRequestResponse>,
  more: HostileRow[],
): Promise<void> {
  const rows = [...hostileRows(parts), ...more]
  await everyRowIs(
    t,
    rows,
    '400 invalid_one_time_token',
    async (token) => outcome(await use(token)),
    'hostile tokens are refused',
  )
}
