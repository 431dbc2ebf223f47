import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { buildTestApp, goodPassword, type TestApp, type TestOptions } from '../helper.js'

const next = `${goodPassword}-too`

/** The counts of outcomes if some guesses are compared and the others are refused. */
export const guessed = (compared: number, refused: number): Record<string, number> => ({
  '401 invalid_credentials': compared,
  ...(refused > 0 && { '429 rate_limited': refused }),
})

/** The application, with logins from given networks and many wrong guesses at once. */
export async function buildAttempts(t: Test, options: TestOptions = {}) {
  const test = await buildTestApp(t, options)
  const login = async (email: string, password: string, from = '192.0.2.1', headers = {}) =>
    await test.app.inject({
      method: 'POST',
      url: '/login',
      payload: { email, password },
      remoteAddress: from,
      headers,
    })
  const guess = async (count: number, email: string, from?: string) =>
    await Promise.all(
      Array.from({ length: count }, async (_, index) => await login(email, `wrong ${index}`, from)),
    )
  return { ...test, login, guess }
}

/** Every route that takes the password of an account, except the login. */
export const confirmations: Record<
  string,
  (test: TestApp, token: string, password: string) => Promise<Awaited<ReturnType<TestApp['call']>>>
> = {
  'POST /password/change': async ({ call }, token, password) =>
    await call('POST', '/password/change', {
      token,
      body: { current_password: password, new_password: next },
    }),
  'POST /email/change': async ({ call }, token, password) =>
    await call('POST', '/email/change', {
      token,
      body: { new_email: `${randomUUID()}@example.org`, password },
    }),
  'DELETE /me': async ({ call }, token, password) =>
    await call('DELETE', '/me', { token, body: { password } }),
  'POST /me/delete': async ({ call }, token, password) =>
    await call('POST', '/me/delete', { token, body: { password } }),
}
