import type { Test } from 'tap'
import { buildTestApp, type TestOptions } from '../helper.js'

/** How often each status came. */
export const statuses = (replies: Array<{ statusCode: number }>) =>
  replies.reduce<Record<number, number>>(
    (found, { statusCode }) => ({ ...found, [statusCode]: (found[statusCode] ?? 0) + 1 }),
    {},
  )

/** The application, and a call that asks for a mail from an address of the network. */
export async function setUp(t: Test, options: TestOptions = {}) {
  const test = await buildTestApp(t, options)
  const forgot = async (email: string, from = '192.0.2.1', headers = {}) =>
    await test.app.inject({
      method: 'POST',
      url: '/password/forgot',
      payload: { email },
      remoteAddress: from,
      headers,
    })
  return { ...test, forgot }
}
