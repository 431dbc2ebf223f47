/** What a mail is about, as the log names it. */
export type MailKind = keyof typeof groups

/** Mails that share places in the queue, see {@link groups}. */
export type MailGroup = (typeof groups)[MailKind]

/** A mail before it is written. */
export interface MailRequest {
  kind: MailKind
  /** The canonical address that the mail goes to, or would go to if there were an account. */
  to: string
  /** The id of the account, if the caller knows it. */
  account?: string
}

/**
 * The group of each kind. People wait for a link to a new password, and for a link that proves
 * an address. A notice tells the owner of an account what happened to the account.
 */
export const groups = {
  'password reset': 'reset',
  'e-mail verification': 'verification',
  'sign-up': 'verification',
  'e-mail change': 'verification',
  'e-mail changed': 'notice',
  'e-mail change undone': 'notice',
  'e-mail address restored': 'notice',
  'password changed': 'notice',
  'password reset done': 'notice',
  'account deleted': 'notice',
} as const
