import t from 'tap'
import type { Message } from '../../src/mail/message.js'
import { buildTestApp, goodPassword, outcome } from '../helper.js'
import { outcomes } from '../support/replies.js'

t.test('with RATE_LIMITS=off, a flood of one account leaves the mails of others', async (t) => {
  const delivered: Message[] = []
  let free = () => {}
  const hold = new Promise<void>((resolve) => {
    free = resolve
  })
  const { call, signup, log } = await buildTestApp(t, {
    env: { RATE_LIMITS: 'off' },
    transport: {
      deliver: async (message) => {
        await hold
        delivered.push(message)
      },
      close: () => {},
    },
  })
  const lost = (why: RegExp) =>
    log().filter(
      ({ msg }) => typeof msg === 'string' && msg.startsWith('mail lost') && why.test(msg),
    ).length
  const [stranger, thief] = [await signup(), await signup()]
  const forgot = async (email: string) =>
    await call('POST', '/password/forgot', { body: { email } })
  const to = (index: number) => `${index}@new.example`
  const asked = await Promise.all(
    Array.from(
      { length: 60 },
      async (_, index) =>
        await call('POST', '/email/change', {
          token: thief.access_token,
          body: { new_email: to(index), password: goodPassword },
        }),
    ),
  )
  const repeated = await Promise.all(
    Array.from({ length: 60 }, async () => await forgot(thief.user.email)),
  )
  t.strictSame(outcomes([...asked, ...repeated]), { 202: 120 }, 'the caller sees no difference')
  // The mail of the sign-up took one of the 20 places.
  t.equal(lost(/of this account/), 60 - 19, 'mails over the share of the account')
  t.equal(lost(/of this kind to this address/), 60 - 5, 'mails over the share of the address')
  t.equal(outcome(await forgot(stranger.user.email)), '202', 'the reset of a stranger')
  free()
  const expected = 2 + 19 + 5 + 1
  for (let waited = 0; delivered.length < expected && waited < 1000; waited++)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  const receivers = delivered.map((message) => message.to)
  t.equal(delivered.length, expected)
  t.equal(receivers.filter((one) => one.endsWith('@new.example')).length, 19)
  t.equal(receivers.filter((one) => one === thief.user.email).length, 1 + 5)
  t.strictSame(
    delivered
      .filter((message) => message.to === stranger.user.email)
      .map(({ subject }) => subject.split(' ')[0]),
    ['Confirm', 'Reset'],
    'both mails of the stranger',
  )
})
