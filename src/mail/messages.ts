import { compose, type Message } from './message.js'

/** Every mail that is sent. Nothing in them comes from anybody but us and the receiver: no names, so that nobody can send their words to others. */
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
  /** To the address of before. @param token an undo token, for 7 days; null for an address that was never verified, for its reader may be a stranger */
  emailChanged: (to: string, token: string | null) => Message
  /** To the address that an account has again after an undo. */
  emailRestored: (to: string) => Message
  /** To the address that an account has lost by an undo: whoever brought the other one back may not be the owner (ASVS 6.3.7). */
  emailWithdrawn: (to: string) => Message
  /** @param token a verification token, for 24 hours */
  verifyEmail: (to: string, token: string) => Message
  /** To an address that is to have an account. @param token a sign-up token, for 24 hours */
  finishSignup: (to: string, token: string) => Message
  /** To an address that has an account, when somebody signs up with it. @param token a reset token, for 30 minutes */
  signedUpAlready: (to: string, token: string) => Message
}

/** @param appUrl where links point: APP_URL, never what a request says */
export function createMessages ({ appUrl }: { appUrl: string }): Messages {
  // In the fragment a token is sent to no server: it is in no log, no Referer, and a scanner that follows the link does not have it.
  const link = (path: string, label: string, token: string) => ({ label, url: `${appUrl}${path}#token=${token}` })
  const service = new URL(appUrl).host
  return {
    resetPassword: (to, token) => compose(to, {
      subject: `Reset your password for ${service}`,
      paragraphs: [`Somebody asked to reset the password of your account at ${service}. If it was you, choose a new password:`],
      link: link('/password/reset', 'Choose a new password', token),
      closing: ['The link works once, within 30 minutes. It ends every login on every device.', 'If it was not you, there is nothing to do: your password stays as it is.']
    }),
    verifyEmail: (to, token) => compose(to, {
      subject: `Confirm your e-mail address for ${service}`,
      paragraphs: [`Somebody signed up at ${service} with this address. If it was you, confirm the address:`],
      link: link('/email/verify', 'Confirm this address', token),
      closing: [`The link works for 24 hours. If it was not you, do not confirm: ask for a new password at ${service} instead, and the account is yours alone.`]
    }),
    finishSignup: (to, token) => compose(to, {
      subject: `Finish signing up at ${service}`,
      paragraphs: [`Somebody signed up at ${service} with this address. If it was you, confirm the address, and the account is made:`],
      link: link('/email/verify', 'Confirm this address', token),
      closing: ['The link works once, within 24 hours.', 'If it was not you, ignore this mail: without the link there is no account. Do not use it, for the account would have the password of somebody else.']
    }),
    signedUpAlready: (to, token) => compose(to, {
      subject: `You have an account at ${service}`,
      paragraphs: [`Somebody tried to sign up at ${service} with this address. There is an account with it already, so nothing has changed.`, `If it was you, log in at ${appUrl}. If you do not know the password, choose a new one:`],
      link: link('/password/reset', 'Choose a new password', token),
      closing: ['The link works once, within 30 minutes. It ends every login on every device.', 'If it was not you, there is nothing to do.']
    }),
    changeEmail: (to, token) => compose(to, {
      subject: `Confirm your new e-mail address for ${service}`,
      paragraphs: [`Somebody wants to use this address for their account at ${service}. If it was you, confirm the address:`],
      link: link('/email/verify', 'Confirm this address', token),
      closing: ['The link works once, within 24 hours. If it was not you, there is nothing to do.']
    }),
    emailTaken: (to) => compose(to, {
      subject: `Your e-mail address at ${service}`,
      paragraphs: [`Somebody wanted to use this address for another account at ${service}. You have an account with it already, so nothing has changed.`],
      closing: ['If it was you, log in with this address, or delete one of the two accounts.']
    }),
    emailChanged: (to, token) => compose(to, {
      subject: `Your e-mail address at ${service} was changed`,
      paragraphs: [`Your account at ${service} has another e-mail address now. If it was you, there is nothing to do.`, ...(token === null ? [] : ['If it was not you, take the account back:'])],
      ...(token === null
        ? { closing: [`This address was never confirmed, so it cannot take the account back. If it was not you, turn to those who run ${service}.`] }
        : {
            link: link('/email/undo', 'Bring this address back', token),
            closing: ['The link works for 7 days and ends every login. Then ask for a new password, for somebody else may know the present one.']
          })
    }),
    emailRestored: (to) => compose(to, {
      subject: `Your e-mail address at ${service} is back`,
      paragraphs: [`Your account at ${service} has this e-mail address again, and every login was ended.`],
      closing: [`Now ask for a new password, at ${appUrl}: somebody else may know the present one.`]
    }),
    emailWithdrawn: (to) => compose(to, {
      subject: `Your e-mail address at ${service} was changed back`,
      paragraphs: [`The account at ${service} that had this e-mail address has its former one again: somebody used the link that was sent there. Every login was ended.`],
      closing: ['If it was you, there is nothing to do.', `If it was not you, somebody reads the mail of the former address: log in with that address and your password, change it back at ${appUrl}, and secure that mailbox.`]
    }),
    passwordReset: (to) => compose(to, {
      subject: `Your password for ${service} was reset`,
      paragraphs: [`The password of your account at ${service} was set anew just now, by the link of a mail to this address, and every login was ended.`],
      closing: [`If it was not you, somebody reads your mail: secure your mailbox first, then ask for a new password, at ${appUrl}.`]
    }),
    passwordChanged: (to) => compose(to, {
      subject: `Your password for ${service} was changed`,
      paragraphs: [`The password of your account at ${service} was changed just now, and every other login was ended.`],
      closing: [`If it was not you, somebody else has access to your account: ask for a new password at once, at ${appUrl}, and look whether somebody reads your mail.`]
    })
  }
}
