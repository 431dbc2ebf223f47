import type { Mailer } from '../mail/mailer.js'
import type { Messages } from '../mail/messages.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { Tokens } from '../tokens/tokens.js'

/** What {@link createMails} binds together. */
export interface MailParts {
  accounts: Pick<Accounts, 'findByEmail'>
  messages: Messages
  mailer: Pick<Mailer, 'send'>
  tokens: Pick<Tokens, 'changeTokens' | 'resetTokens' | 'undoTokens' | 'verifyTokens'>
}

/**
 * Sends every mail: the text, the token of its link, and its place in the queue. Each method
 * returns at once. A method that takes an address looks the account up in the background, so
 * the time of the reply does not tell whether there is one (ASVS 6.3.8).
 */
export type Mails = ReturnType<typeof createMails>

/** Creates the one sender of mails of an application. */
export function createMails({ accounts, messages, mailer, tokens }: MailParts) {
  return {
    /** A link to verify the address of an account. */
    verifyEmail: (account: Account): void => {
      mailer.send(
        { kind: 'e-mail verification', to: account.email, account: account.id },
        async () => messages.verifyEmail(account.email, tokens.verifyTokens.issue(account)),
      )
    },
    /** The same link again, if the address has an account that waits for it. */
    resendVerification: (address: string): void => {
      mailer.send({ kind: 'e-mail verification', to: address }, async () => {
        const account = await accounts.findByEmail(address)
        const isWaiting =
          account !== null && account.disabledAt === null && account.emailVerifiedAt === null
        return isWaiting
          ? messages.verifyEmail(account.email, tokens.verifyTokens.issue(account))
          : null
      })
    },
    /**
     * The link of a sign-up, or the news that the address has an account.
     *
     * @param token a sign-up token
     */
    finishSignup: (address: string, token: string): void => {
      mailer.send({ kind: 'sign-up', to: address }, async () => {
        const account = await accounts.findByEmail(address)
        if (account === null) return messages.finishSignup(address, token)
        return account.disabledAt === null
          ? messages.signedUpAlready(account.email, tokens.resetTokens.issue(account))
          : null
      })
    },
    /** A link to a new password, if the address has an account that is not disabled. */
    resetPassword: (address: string): void => {
      mailer.send({ kind: 'password reset', to: address }, async () => {
        const account = await accounts.findByEmail(address)
        return account === null || account.disabledAt !== null
          ? null
          : messages.resetPassword(account.email, tokens.resetTokens.issue(account))
      })
    },
    /** A notice that the password was reset by a link. */
    passwordReset: ({ id, email }: Account): void => {
      mailer.send({ kind: 'password reset done', to: email, account: id }, async () =>
        messages.passwordReset(email),
      )
    },
    /** A notice that the password was changed. */
    passwordChanged: ({ id, email }: Account): void => {
      mailer.send({ kind: 'password changed', to: email, account: id }, async () =>
        messages.passwordChanged(email),
      )
    },
    /** To a new address: the link that confirms it, or the news that it has an account. */
    changeEmail: (account: Account, address: string): void => {
      mailer.send({ kind: 'e-mail change', to: address, account: account.id }, async () => {
        const isTaken = (await accounts.findByEmail(address)) !== null
        return isTaken
          ? messages.emailTaken(address)
          : messages.changeEmail(address, tokens.changeTokens.issue(account, address))
      })
    },
    /**
     * A notice to the former address.
     *
     * @param entry the id of its entry in the history, for a link that takes the account back;
     *   null for an address that cannot
     */
    emailChanged: ({ id, email }: Account, entry: string | null): void => {
      const undo = entry === null ? null : tokens.undoTokens.issue(id, entry)
      mailer.send({ kind: 'e-mail changed', to: email, account: id }, async () =>
        messages.emailChanged(email, undo),
      )
    },
    /** A notice to an address that an account has lost by an undo. */
    emailWithdrawn: (address: string, { id }: Account): void => {
      mailer.send({ kind: 'e-mail change undone', to: address, account: id }, async () =>
        messages.emailWithdrawn(address),
      )
    },
    /** A notice to the address that an account has again. */
    emailRestored: ({ id, email }: Account): void => {
      mailer.send({ kind: 'e-mail address restored', to: email, account: id }, async () =>
        messages.emailRestored(email),
      )
    },
    /** A notice to the address of a deleted account, or to one of its former addresses. */
    accountDeleted: (address: string, { id }: Account): void => {
      mailer.send({ kind: 'account deleted', to: address, account: id }, async () =>
        messages.accountDeleted(address),
      )
    },
  }
}
