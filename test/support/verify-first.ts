import type { Test } from 'tap'
import { buildTestApp, type DatabaseKind, goodPassword, type TestOptions } from '../helper.js'
import { tokenOf } from './mailbox.js'

/** The application with `SIGNUP_MODE=verify_first`, and the steps of a sign-up. */
export async function buildVerifyFirst(
  t: Test,
  database: DatabaseKind,
  { env, ...options }: TestOptions = {},
) {
  const test = await buildTestApp(t, {
    database,
    env: { SIGNUP_MODE: 'verify_first', RATE_LIMITS: 'off', ...env },
    ...options,
  })
  const { call, nextMail, stored } = test
  const signup = async (body: unknown, headers = {}) =>
    await call('POST', '/signup', { body, headers })
  return {
    ...test,
    signup,
    verify: async (token: unknown) => await call('POST', '/email/verify', { body: { token } }),
    rows: stored.rows,
    /** Signs up. Returns the token of the mail. */
    ask: async (email: string, more: object = {}) => {
      const reply = await signup({ email, password: goodPassword, ...more })
      if (reply.statusCode !== 202) throw new Error(reply.body)
      return tokenOf(await nextMail(email, 'Finish'))
    },
  }
}
