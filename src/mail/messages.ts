import { compose, type Message } from './message.js'

/**
 * Every mail that Latchkey sends. A mail contains no text that a caller chose, such as a name:
 * an attacker cannot use it to send words to others.
 */
export interface Messages {
  /** @param token a reset token, for 30 minutes */
  resetPassword: (to: string, token: string) => Message
  passwordChanged: (to: string) => Message
  /** Tells that the password was reset with a link (ASVS 6.3.7). */
  passwordReset: (to: string) => Message
  /** To a new address. @param token an e-mail change token, for 24 hours */
  changeEmail: (to: string, token: string) => Message
  /** To an address that a caller with another account wants to use. */
  emailTaken: (to: string) => Message
  /**
   * To the former address. @param token an undo token, for 7 days; null if the address must not
   * take the account back
   */
  emailChanged: (to: string, token: string | null) => Message
  /** To the address that an account has again after an undo. */
  emailRestored: (to: string) => Message
  /**
   * To the address that an account lost through an undo: an attacker may have used the link
   * (ASVS 6.3.7).
   */
  emailWithdrawn: (to: string) => Message
  /**
   * To the former address, after an operator changed the address. It has no link, so that a
   * thief cannot undo the rescue.
   */
  emailChangedByOperator: (to: string) => Message
  /** To a person for whom an admin created an account. @param token a reset token, for 7 days */
  invitation: (to: string, token: string) => Message
  /** After an operator set a new password (ASVS 6.3.7). */
  passwordSetByOperator: (to: string) => Message
  /** To the address of a deleted account, and to its former addresses. */
  accountDeleted: (to: string) => Message
  /** @param token a verification token, for 24 hours */
  verifyEmail: (to: string, token: string) => Message
  /** To an address without an account. @param token a sign-up token, for 24 hours */
  finishSignup: (to: string, token: string) => Message
  /**
   * To an address with an account, after a sign-up with it. @param token a reset token, for 30
   * minutes
   */
  signedUpAlready: (to: string, token: string) => Message
}

const resetRules =
  'The link works once, within 30 minutes. A new password logs you out on every device.'

/**
 * Writes the mails.
 *
 * @param appUrl the base of every link: APP_URL, never a value of a request
 */
export function createMessages({ appUrl }: { appUrl: string }): Messages {
  // Browsers do not send the fragment: logs, the Referer header and link scanners never see the
  // token.
  const link = (path: string, label: string, token: string) => ({
    label,
    url: `${appUrl}${path}#token=${token}`,
  })
  const service = new URL(appUrl).host
  return {
    resetPassword: (to, token) =>
      compose(to, {
        subject: `Reset your password for ${service}`,
        paragraphs: [
          `We received a request to reset the password of your account at ${service}. If this was you, choose a new password:`,
        ],
        link: link('/password/reset', 'Choose a new password', token),
        closing: [
          resetRules,
          'If this was not you, ignore this mail: your password stays the same.',
        ],
      }),
    verifyEmail: (to, token) =>
      compose(to, {
        subject: `Confirm your e-mail address for ${service}`,
        paragraphs: [
          `We received a sign-up at ${service} with this address. If this was you, confirm the address:`,
        ],
        link: link('/email/verify', 'Confirm this address', token),
        closing: [
          'The link works for 24 hours.',
          `If this was not you, do not confirm the address. Request a new password at ${service} instead: the account is then yours alone.`,
        ],
      }),
    finishSignup: (to, token) =>
      compose(to, {
        subject: `Finish signing up at ${service}`,
        paragraphs: [
          `We received a sign-up at ${service} with this address. If this was you, confirm the address to create your account:`,
        ],
        link: link('/email/verify', 'Confirm this address', token),
        closing: [
          'The link works once, within 24 hours.',
          'If this was not you, ignore this mail and do not use the link: the account would have a password that another person chose. Without the link, no account is created.',
        ],
      }),
    signedUpAlready: (to, token) =>
      compose(to, {
        subject: `You already have an account at ${service}`,
        paragraphs: [
          `We received a sign-up at ${service} with this address. You already have an account with it, so nothing has changed.`,
          `If this was you, log in at ${appUrl}. If you do not know your password, choose a new one:`,
        ],
        link: link('/password/reset', 'Choose a new password', token),
        closing: [resetRules, 'If this was not you, ignore this mail.'],
      }),
    changeEmail: (to, token) =>
      compose(to, {
        subject: `Confirm your new e-mail address for ${service}`,
        paragraphs: [
          `We received a request to use this address for an account at ${service}. If this was you, confirm the address:`,
        ],
        link: link('/email/change', 'Confirm this address', token),
        closing: [
          'The link works once, within 24 hours, and asks for the password of your account.',
          'If this was not you, ignore this mail: without the link, nothing changes.',
        ],
      }),
    emailTaken: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service}`,
        paragraphs: [
          `We received a request to use this address for another account at ${service}. You already have an account with it, so nothing has changed.`,
        ],
        closing: [
          'If this was you, log in with this address, or delete one of the two accounts. Otherwise, ignore this mail.',
        ],
      }),
    emailChanged: (to, token) =>
      compose(to, {
        subject: `Your e-mail address at ${service} was changed`,
        paragraphs: [
          `Your account at ${service} has a new e-mail address. If this was you, you do not need to do anything.`,
          ...(token === null ? [] : ['If this was not you, take your account back:']),
        ],
        ...(token === null
          ? {
              closing: [
                `If this was not you, contact the people who run ${service}. You cannot take the account back yourself: this address was never confirmed, or the account returned to an earlier address.`,
              ],
            }
          : {
              link: link('/email/undo', 'Take the account back', token),
              closing: [
                'The link works for 7 days. It restores this address, logs you out everywhere, and lets you choose a new password.',
                'The link keeps working if the address is changed again.',
              ],
            }),
      }),
    emailRestored: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service} is back`,
        paragraphs: [
          `Your account at ${service} has this e-mail address again: the link sent to this address was used. You have been logged out everywhere.`,
          `Your previous password no longer works. If you have not chosen a new password yet, request one at ${appUrl}.`,
        ],
        closing: [
          'If this was not you, another person can read your mail: secure your mailbox first, then choose a new password.',
        ],
      }),
    emailWithdrawn: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service} was changed back`,
        paragraphs: [
          `The account at ${service} that had this e-mail address has its former address again: the link sent to the former address was used.`,
          'You have been logged out everywhere, and the password no longer works.',
        ],
        closing: [
          'If this was you, you do not need to do anything.',
          `If this was not you, another person can read the mail of the former address. Secure that mailbox, then contact the people who run ${service}: they can restore this address.`,
        ],
      }),
    emailChangedByOperator: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service} was changed`,
        paragraphs: [
          `The people who run ${service} changed the e-mail address of your account. You have been logged out everywhere.`,
        ],
        closing: [
          'If you did not ask for this, contact them. This mail has no link to undo the change.',
        ],
      }),
    invitation: (to, token) =>
      compose(to, {
        subject: `You have been invited to ${service}`,
        paragraphs: [
          `The people who run ${service} created an account for you, with this e-mail address. Choose a password to use it:`,
        ],
        link: link('/password/reset', 'Choose a password', token),
        closing: [
          'The link works once, within 7 days. It also confirms your address.',
          `If the link has expired, request a new password at ${appUrl}. If you do not want the account, ignore this mail.`,
        ],
      }),
    passwordSetByOperator: (to) =>
      compose(to, {
        subject: `Your password for ${service} was changed`,
        paragraphs: [
          `The people who run ${service} set a new password for your account. You have been logged out everywhere.`,
        ],
        closing: [
          `They know this password. To choose one that only you know, change it at ${appUrl}, or request a new one there.`,
          'If you did not ask for this, contact them.',
        ],
      }),
    accountDeleted: (to) =>
      compose(to, {
        subject: `Your account at ${service} was deleted`,
        paragraphs: [
          `Your account at ${service} was deleted, with all its data. It has, or had, this e-mail address.`,
        ],
        closing: [
          'If this was you, you do not need to do anything.',
          `If this was not you, another person may know your password. A deleted account cannot be restored: contact the people who run ${service}, or sign up again.`,
        ],
      }),
    passwordReset: (to) =>
      compose(to, {
        subject: `Your password for ${service} was reset`,
        paragraphs: [
          `Your password for ${service} was reset with a link sent to this address. You have been logged out everywhere.`,
        ],
        closing: [
          `If this was not you, another person can read your mail: secure your mailbox first, then request a new password at ${appUrl}.`,
        ],
      }),
    passwordChanged: (to) =>
      compose(to, {
        subject: `Your password for ${service} was changed`,
        paragraphs: [
          `Your password for ${service} was changed just now. You have been logged out everywhere else.`,
        ],
        closing: [
          `If this was not you, another person has access to your account: request a new password at ${appUrl} at once. Then check whether another person can read your mail.`,
        ],
      }),
  }
}
