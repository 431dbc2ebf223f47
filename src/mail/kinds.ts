/** The subject of a mail, as the log names it. */
export type MailKind = keyof typeof groups

/** Mails that share places in the queue, see {@link groups}. */
export type MailGroup = (typeof groups)[MailKind]

/** A request to send a mail, before its text is written. */
export interface MailRequest {
  kind: MailKind
  /** The canonical address of the receiver, whether or not it has an account. */
  to: string
  /** The id of the account, if the caller knows it. Of an invitation: the admin who sends it. */
  account?: string
}

/**
 * The group of each kind. Users wait for links that reset a password or verify an address. A
 * notice tells the owner what happened to the account.
 */
export const groups = {
  'password reset': 'reset',
  'e-mail verification': 'verification',
  'sign-up': 'verification',
  invitation: 'verification',
  'e-mail change': 'verification',
  'e-mail changed': 'notice',
  'e-mail change undone': 'notice',
  'e-mail address restored': 'notice',
  'password changed': 'notice',
  'password reset done': 'notice',
  'account deleted': 'notice',
} as const
