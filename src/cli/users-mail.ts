import type { Config } from '../config.js'
import type { MailRequest } from '../mail/mailer.js'
import type { Message } from '../mail/message.js'
import { openMailer } from '../mail/open-mailer.js'
import type { Terminal } from './terminal.js'

/**
 * Sends mails and waits until they are delivered. A failed delivery is reported on the standard
 * error; it does not undo the command.
 */
export type SendMails = (mails: Array<{ mail: MailRequest; message: Message }>) => Promise<void>

/** The time that a command waits for the mail server, in milliseconds. */
const mailMilliseconds = 15_000

/**
 * Creates the function that sends the mails of a command.
 *
 * @param open opens the mailer of the settings
 */
export function createSendMails(
  config: Config,
  { stderr }: Pick<Terminal, 'stderr'>,
  open: typeof openMailer = openMailer,
): SendMails {
  return async (mails) => {
    // Failures are reported below, in one line.
    const quiet = () => {}
    const info = ({ path }: { path?: string }) => {
      stderr.write(`SMTP_URL is not set: wrote the mail to ${path}\n`)
    }
    const mailer = open(config, { info, warn: quiet, error: quiet })
    for (const { mail, message } of mails) mailer.send(mail, async () => message)
    await mailer.close(mailMilliseconds)
    const missing = mails.length - mailer.load().sent
    const addresses = mails.map(({ mail }) => mail.to).join(', ')
    stderr.write(
      missing === 0
        ? `Notified ${addresses} by mail.\n`
        : `${missing} of ${mails.length} mails could not be delivered to ${addresses}: check SMTP_URL, and notify the owner yourself.\n`,
    )
  }
}
