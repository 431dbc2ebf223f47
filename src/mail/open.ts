import { createMailer, type Mailer, type MailerDeps } from './mailer.js'
import { createOutbox, createSmtpTransport } from './transports.js'

/** The settings that say how mail is sent. */
export interface MailSettings {
  SMTP_URL: string
  MAIL_FROM: string
  PUBLIC_URL: string
}

/** A logger that can also write info lines. */
export type MailLogger = MailerDeps['logger'] & { info: (line: object, message: string) => void }

/** Where mails are written without a mail server. */
const outboxFolder = 'data/outbox'

/** Mails begin at a random moment within this time, so that timing does not tell whether a mail was sent. */
const spreadMilliseconds = 1000

/** Opens the mailer of the settings: through SMTP_URL, or into files in data/outbox. Close it before the process ends. */
export function openMailer ({ SMTP_URL, MAIL_FROM }: MailSettings, logger: MailLogger): Mailer {
  const toFiles = () => createOutbox(outboxFolder, MAIL_FROM, (path) => {
    logger.info({ path }, 'no SMTP_URL: wrote the mail to a file')
  })
  const transport = SMTP_URL === '' ? toFiles() : createSmtpTransport(SMTP_URL, MAIL_FROM)
  return createMailer({ transport, logger, spreadMilliseconds })
}
