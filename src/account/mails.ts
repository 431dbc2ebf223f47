import type { Mailer } from '../mail/mailer.js'
import type { Messages } from '../mail/messages.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { Tokens } from '../tokens/tokens.js'

/** The dependencies of {@link createMails}. */
export interface MailParts {
  accounts: Pick<Accounts, 'findByEmail'>
  messages: Messages
  mailer: Pick<Mailer, 'send'>
  tokens: Pick<Tokens, 'changeTokens' | 'resetTokens' | 'undoTokens' | 'verifyTokens'>
}

/**
 * Sends every mail: combines the text, the token of its link, and the queue. Each method
 * returns at once. Methods with an address look the account up in the background. So the
 * response time does not reveal whether there is one (ASVS 6.3.8).
 */
export type Mails = ReturnType<typeof createMails>

/** Creates the sender of all mails of an application. */
export function createMails({ accounts, messages, mailer, tokens }: MailParts) {
  return {
    /** Sends a link to verify the address of an account. */
    verifyEmail: (account: Account): void => {
      mailer.send(
        { kind: 'e-mail verification', to: account.email, account: account.id },
        async () => messages.verifyEmail(account.email, tokens.verifyTokens.issue(account)),
      )
    },
    /** Sends that link again, if the address has an unverified account. */
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
     * Sends the link of a sign-up, or a notice that the address has an account.
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
    /** Sends a link to set a new password, if the address has an account that is not disabled. */
    resetPassword: (address: string): void => {
      mailer.send({ kind: 'password reset', to: address }, async () => {
        const account = await accounts.findByEmail(address)
        return account === null || account.disabledAt !== null
          ? null
          : messages.resetPassword(account.email, tokens.resetTokens.issue(account))
      })
    },
    /** Sends a notice that the password was reset with a link. */
    passwordReset: ({ id, email }: Account): void => {
      mailer.send({ kind: 'password reset done', to: email, account: id }, async () =>
        messages.passwordReset(email),
      )
    },
    /** Sends a notice that the password was changed. */
    passwordChanged: ({ id, email }: Account): void => {
      mailer.send({ kind: 'password changed', to: email, account: id }, async () =>
        messages.passwordChanged(email),
      )
    },
    /** Sends a link to confirm a new address, or a notice to it that the address has an account. */
    changeEmail: (account: Account, address: string): void => {
      mailer.send({ kind: 'e-mail change', to: address, account: account.id }, async () => {
        const isTaken = (await accounts.findByEmail(address)) !== null
        return isTaken
          ? messages.emailTaken(address)
          : messages.changeEmail(address, tokens.changeTokens.issue(account, address))
      })
    },
    /**
     * Sends a notice to the former address.
     *
     * @param entry the id of its entry in the history, for a link that takes the account back;
     *   null if the address has no entry
     */
    emailChanged: ({ id, email }: Account, entry: string | null): void => {
      const undo = entry === null ? null : tokens.undoTokens.issue(id, entry)
      mailer.send({ kind: 'e-mail changed', to: email, account: id }, async () =>
        messages.emailChanged(email, undo),
      )
    },
    /** Sends a notice to an address that an account has lost by an undo. */
    emailWithdrawn: (address: string, { id }: Account): void => {
      mailer.send({ kind: 'e-mail change undone', to: address, account: id }, async () =>
        messages.emailWithdrawn(address),
      )
    },
    /** Sends a notice to the address that an account has again. */
    emailRestored: ({ id, email }: Account): void => {
      mailer.send({ kind: 'e-mail address restored', to: email, account: id }, async () =>
        messages.emailRestored(email),
      )
    },
    /** Sends a notice to the address of a deleted account, or to a former address of it. */
    accountDeleted: (address: string, { id }: Account): void => {
      mailer.send({ kind: 'account deleted', to: address, account: id }, async () =>
        messages.accountDeleted(address),
      )
    },
  }
}
