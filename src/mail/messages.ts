import { compose, type Message } from './message.js'

/**
 * Every mail that is sent. Nothing in them comes from anybody but us and the receiver: no
 * names, so that nobody can send their words to others.
 */
export interface Messages {
  /** @param token a reset token, for 30 minutes */
  resetPassword: (to: string, token: string) => Message
  passwordChanged: (to: string) => Message
  /** Tells that the password was set anew through a mail (ASVS 6.3.7). */
  passwordReset: (to: string) => Message
  /** To a new address. @param token an e-mail change token, for 24 hours */
  changeEmail: (to: string, token: string) => Message
  /** To an address that somebody with another account wants to have. */
  emailTaken: (to: string) => Message
  /**
   * To the former address. @param token an undo token, for 7 days; null for an address that
   * cannot take the account back
   */
  emailChanged: (to: string, token: string | null) => Message
  /** To the address that an account has again after an undo. */
  emailRestored: (to: string) => Message
  /**
   * To the address that an account has lost by an undo: the person who took the account back
   * may not be its owner (ASVS 6.3.7).
   */
  emailWithdrawn: (to: string) => Message
  /**
   * To the former address, after an operator changed the address. Without a link, or a thief
   * could undo the rescue.
   */
  emailChangedByOperator: (to: string) => Message
  /** To the address of a deleted account, and to its former addresses. */
  accountDeleted: (to: string) => Message
  /** @param token a verification token, for 24 hours */
  verifyEmail: (to: string, token: string) => Message
  /** To an address that is to have an account. @param token a sign-up token, for 24 hours */
  finishSignup: (to: string, token: string) => Message
  /**
   * To an address that has an account, when somebody signs up with it. @param token a reset
   * token, for 30 minutes
   */
  signedUpAlready: (to: string, token: string) => Message
}

/** @param appUrl where links point: APP_URL, never what a request says */
export function createMessages({ appUrl }: { appUrl: string }): Messages {
  // In the fragment a token is sent to no server: it is in no log, no Referer, and a scanner that
  // follows the link does not have it.
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
          `Somebody asked to reset the password of your account at ${service}. If it was you, choose a new password:`,
        ],
        link: link('/password/reset', 'Choose a new password', token),
        closing: [
          'The link works once, within 30 minutes. It ends every login on every device.',
          'If it was not you, there is nothing to do: your password stays as it is.',
        ],
      }),
    verifyEmail: (to, token) =>
      compose(to, {
        subject: `Confirm your e-mail address for ${service}`,
        paragraphs: [
          `Somebody signed up at ${service} with this address. If it was you, confirm the address:`,
        ],
        link: link('/email/verify', 'Confirm this address', token),
        closing: [
          `The link works for 24 hours. If it was not you, do not confirm: ask for a new password at ${service} instead, and the account is yours alone.`,
        ],
      }),
    finishSignup: (to, token) =>
      compose(to, {
        subject: `Finish signing up at ${service}`,
        paragraphs: [
          `Somebody signed up at ${service} with this address. If it was you, confirm the address, and the account is made:`,
        ],
        link: link('/email/verify', 'Confirm this address', token),
        closing: [
          'The link works once, within 24 hours.',
          'If it was not you, ignore this mail: without the link there is no account. Do not use it, for the account would have the password of somebody else.',
        ],
      }),
    signedUpAlready: (to, token) =>
      compose(to, {
        subject: `You have an account at ${service}`,
        paragraphs: [
          `Somebody tried to sign up at ${service} with this address. There is an account with it already, so nothing has changed.`,
          `If it was you, log in at ${appUrl}. If you do not know the password, choose a new one:`,
        ],
        link: link('/password/reset', 'Choose a new password', token),
        closing: [
          'The link works once, within 30 minutes. It ends every login on every device.',
          'If it was not you, there is nothing to do.',
        ],
      }),
    changeEmail: (to, token) =>
      compose(to, {
        subject: `Confirm your new e-mail address for ${service}`,
        paragraphs: [
          `The owner of an account at ${service} wants to use this address for it. If this was you, confirm the address:`,
        ],
        link: link('/email/change', 'Confirm this address', token),
        closing: [
          'The link works once, within 24 hours, and asks for the password of your account.',
          'If this was not you, you do not need to do anything: without the link nothing changes.',
        ],
      }),
    emailTaken: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service}`,
        paragraphs: [
          `Somebody wanted to use this address for another account at ${service}. You have an account with it already, so nothing has changed.`,
        ],
        closing: ['If it was you, log in with this address, or delete one of the two accounts.'],
      }),
    emailChanged: (to, token) =>
      compose(to, {
        subject: `Your e-mail address at ${service} was changed`,
        paragraphs: [
          `Your account at ${service} has another e-mail address now. If this was you, you do not need to do anything.`,
          ...(token === null ? [] : ['If this was not you, take your account back:']),
        ],
        ...(token === null
          ? {
              closing: [
                `This address cannot take the account back: it was never confirmed, or the account returned to an earlier address. If this was not you, contact the people who run ${service}.`,
              ],
            }
          : {
              link: link('/email/undo', 'Take the account back', token),
              closing: [
                'The link works for 7 days. It brings this address back, ends every login, and lets you choose a new password.',
                'Later changes of the address do not end this link.',
              ],
            }),
      }),
    emailRestored: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service} is back`,
        paragraphs: [
          `Your account at ${service} has this e-mail address again, by the link that was sent to it. Every login has ended.`,
          `Its former password no longer works. If you have not chosen a new password yet, ask for one at ${appUrl}.`,
        ],
        closing: [
          'If this was not you, another person can read your mail: secure your mailbox first, then choose a new password.',
        ],
      }),
    emailWithdrawn: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service} was changed back`,
        paragraphs: [
          `The account at ${service} that had this e-mail address has its former address again: the link that was sent there was used.`,
          'Every login has ended, and the password no longer works.',
        ],
        closing: [
          'If this was you, you do not need to do anything.',
          `If this was not you, another person can read the mail of the former address. Secure that mailbox, then contact the people who run ${service}: they can give the account this address again.`,
        ],
      }),
    emailChangedByOperator: (to) =>
      compose(to, {
        subject: `Your e-mail address at ${service} was changed`,
        paragraphs: [
          `The people who run ${service} gave your account another e-mail address. Every login has ended.`,
        ],
        closing: [
          'If you did not ask for this, contact them. This mail has no link to undo the change.',
        ],
      }),
    accountDeleted: (to) =>
      compose(to, {
        subject: `Your account at ${service} was deleted`,
        paragraphs: [
          `The account at ${service} that has, or had, this e-mail address was deleted, with all its data.`,
        ],
        closing: [
          'If this was you, you do not need to do anything.',
          `If this was not you, another person knew the password of the account. A deleted account cannot be brought back: contact the people who run ${service}, or sign up again.`,
        ],
      }),
    passwordReset: (to) =>
      compose(to, {
        subject: `Your password for ${service} was reset`,
        paragraphs: [
          `The password of your account at ${service} was set anew just now, by the link of a mail to this address, and every login was ended.`,
        ],
        closing: [
          `If it was not you, somebody reads your mail: secure your mailbox first, then ask for a new password, at ${appUrl}.`,
        ],
      }),
    passwordChanged: (to) =>
      compose(to, {
        subject: `Your password for ${service} was changed`,
        paragraphs: [
          `The password of your account at ${service} was changed just now, and every other login was ended.`,
        ],
        closing: [
          `If it was not you, somebody else has access to your account: ask for a new password at once, at ${appUrl}, and look whether somebody reads your mail.`,
        ],
      }),
  }
}
