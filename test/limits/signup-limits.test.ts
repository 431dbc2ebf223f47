import { mock } from 'node:test'
import t from 'tap'
import { limits } from '../../src/limits/table.js'
import { frozenNow, goodPassword, headerNames, problem } from '../helper.js'
import { setUp, statuses } from '../support/limited.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

t.test(
  'sign-ups of one address are limited, whether it is taken or free again, and take nothing from other ways',
  async (t) => {
    const { app, call, forgot, signup: signUp } = await setUp(t)
    const { 'signup-email-network': byBoth, 'signup-email': byEmail } = limits
    const taken = (await signUp()).user.email
    const signup = async (email: string, from: string, password = goodPassword) =>
      await app.inject({
        method: 'POST',
        url: '/signup',
        payload: { email, password },
        remoteAddress: from,
      })
    const answers = []
    for (const [email, asked, status] of [
      ['free@example.org', 0, 201],
      [taken, 1, 409],
    ] as const) {
      for (let i = 0; i <= byEmail.calls; i++)
        t.equal(
          (await signup(email, '192.0.2.99', 'weak')).statusCode,
          422,
          'who sends no mail is not counted',
        )
      for (let i = asked; i < byEmail.calls; i++) {
        const reply = await signup(email, i < byBoth.calls ? '192.0.2.1' : '192.0.2.2')
        t.equal(reply.statusCode, status)
        if (status === 201)
          t.equal(
            (
              await call('DELETE', '/me', {
                token: reply.json().access_token,
                body: { password: goodPassword },
              })
            ).statusCode,
            204,
          )
      }
      const reply = await signup(email, '192.0.2.3')
      const { request_id: _, ...body } = problem(t, reply, 429, 'rate_limited')
      t.equal(
        reply.headers['ratelimit-policy'],
        `"signup-email";q=${byEmail.calls};w=${byEmail.seconds}`,
      )
      answers.push([body, headerNames(reply)])
      t.equal((await forgot(email)).statusCode, 202, 'the way to a new password is free')
    }
    t.strictSame(answers[0], answers[1])
    t.equal(
      (await signup('free@example.org', '192.0.2.1')).headers['ratelimit-policy'],
      `"signup-email-network";q=${byBoth.calls};w=${byBoth.seconds}`,
    )
  },
)

t.test(
  'sign-ups of one mailbox are limited, also where addresses and networks differ',
  async (t) => {
    const { 'signup-mailbox': byMailbox } = limits
    for (const [mode, status] of [
      ['instant', 201],
      ['verify_first', 202],
    ] as const) {
      const { app } = await setUp(t, { env: { SIGNUP_MODE: mode } })
      const signup = async (email: string, index: number, password = goodPassword) =>
        await app.inject({
          method: 'POST',
          url: '/signup',
          payload: { email, password },
          remoteAddress: `2001:db8:${index.toString(16)}::1`,
        })
      for (let index = 0; index < 2 * byMailbox.calls; index++)
        t.equal((await signup(`victim+${index}@example.org`, index, 'weak')).statusCode, 422)
      const replies = []
      for (let index = 0; index < 130; index++)
        replies.push(await signup(`victim+${index}@example.org`, index))
      t.strictSame(
        statuses(replies),
        { [status]: byMailbox.calls, 429: 130 - byMailbox.calls },
        mode,
      )
      t.equal(
        replies.at(-1)?.headers['ratelimit-policy'],
        `"signup-mailbox";q=${byMailbox.calls};w=${byMailbox.seconds}`,
      )
      t.equal((await signup('other@example.org', 1)).statusCode, status, 'other mailboxes are free')
    }
  },
)
