import t from 'tap'
import { createMails, type MailParts } from '../../src/account/mails.js'
import type { MailRequest } from '../../src/mail/mailer.js'
import { createMessages } from '../../src/mail/messages.js'
import type { Account } from '../../src/store/accounts.js'

const [to, id] = ['ada@example.org', '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e5f']
const account = { id, email: to } as Account

t.test('which share of the queue each mail counts for', async (t) => {
  const requests: MailRequest[] = []
  const mails = createMails({
    accounts: { findByEmail: async () => null },
    messages: createMessages({ appUrl: 'https://app.example.org' }),
    mailer: {
      send: (request) => {
        requests.push(request)
      },
    },
    tokens: { undoTokens: { issue: () => 'x' } } as unknown as MailParts['tokens'],
  })
  const expected: Record<keyof typeof mails, [send: () => void, request: MailRequest]> = {
    // Anyone can ask for these. They must not use up the share of the account.
    resendVerification: [
      () => {
        mails.resendVerification(to)
      },
      { kind: 'e-mail verification', to },
    ],
    finishSignup: [
      () => {
        mails.finishSignup(to, 'x')
      },
      { kind: 'sign-up', to },
    ],
    resetPassword: [
      () => {
        mails.resetPassword(to)
      },
      { kind: 'password reset', to },
    ],
    // The holder of an account causes these, also to other addresses.
    verifyEmail: [
      () => {
        mails.verifyEmail(account)
      },
      { kind: 'e-mail verification', to, account: id },
    ],
    changeEmail: [
      () => {
        mails.changeEmail(account, 'new@example.org')
      },
      { kind: 'e-mail change', to: 'new@example.org', account: id },
    ],
    passwordReset: [
      () => {
        mails.passwordReset(account)
      },
      { kind: 'password reset done', to, account: id },
    ],
    passwordChanged: [
      () => {
        mails.passwordChanged(account)
      },
      { kind: 'password changed', to, account: id },
    ],
    emailChanged: [
      () => {
        mails.emailChanged(account, 'entry')
      },
      { kind: 'e-mail changed', to, account: id },
    ],
    emailWithdrawn: [
      () => {
        mails.emailWithdrawn('old@example.org', account)
      },
      { kind: 'e-mail change undone', to: 'old@example.org', account: id },
    ],
    emailRestored: [
      () => {
        mails.emailRestored(account)
      },
      { kind: 'e-mail address restored', to, account: id },
    ],
    accountDeleted: [
      () => {
        mails.accountDeleted('old@example.org', account)
      },
      { kind: 'account deleted', to: 'old@example.org', account: id },
    ],
  }
  for (const [name, [send, request]] of Object.entries(expected)) {
    send()
    t.strictSame(requests.splice(0), [request], name)
  }
})
