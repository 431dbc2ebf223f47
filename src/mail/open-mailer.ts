import { createMailer, type Mailer, type MailerDeps } from './mailer.js'
import { mayBeUnencrypted } from './smtp-url.js'
import { createOutbox, createSmtpTransport } from './transports.js'

/** The settings for sending mail. */
export interface MailSettings {
  SMTP_URL: string
  MAIL_FROM: string
  PUBLIC_URL: string
}

/** A logger that can also write info lines. */
export type MailLogger = MailerDeps['logger'] & { info: (line: object, message: string) => void }

/** The folder for mails if no mail server is set. */
const outboxFolder = 'data/outbox'

const unencrypted =
  'SMTP_URL does not require TLS: mails, with links that open accounts, may travel unencrypted'

/**
 * Delivery begins at a random moment within this time, so that timing does not reveal whether a
 * mail was sent.
 */
const spreadMilliseconds = 1000

/**
 * Opens the mailer of the settings. It sends through SMTP_URL, or writes files to data/outbox.
 * Close it before the process ends.
 */
export function openMailer(
  { SMTP_URL, MAIL_FROM, PUBLIC_URL }: MailSettings,
  logger: MailLogger,
): Mailer {
  const toFiles = () =>
    createOutbox(outboxFolder, MAIL_FROM, (path) => {
      logger.info({ path }, 'no SMTP_URL: wrote the mail to a file')
    })
  const toServer = () => {
    if (mayBeUnencrypted(SMTP_URL)) logger.warn({}, unencrypted)
    return createSmtpTransport(SMTP_URL, { from: MAIL_FROM, publicUrl: PUBLIC_URL })
  }
  return createMailer({
    transport: SMTP_URL === '' ? toFiles() : toServer(),
    logger,
    spreadMilliseconds,
  })
}
