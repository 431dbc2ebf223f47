import { compose, type Message } from './message.js'

/** Every mail that is sent. Nothing in them comes from anybody but us and the receiver: no names, so that nobody can send their words to others. */
export interface Messages {
  /** @param token a reset token, for 30 minutes */
  resetPassword: (to: string, token: string) => Message
  passwordChanged: (to: string) => Message
  /** @param token a verification token, for 24 hours */
  verifyEmail: (to: string, token: string) => Message
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
    passwordChanged: (to) => compose(to, {
      subject: `Your password for ${service} was changed`,
      paragraphs: [`The password of your account at ${service} was changed just now, and every other login was ended.`],
      closing: [`If it was not you, somebody else has access to your account: ask for a new password at once, at ${appUrl}, and look whether somebody reads your mail.`]
    })
  }
}
