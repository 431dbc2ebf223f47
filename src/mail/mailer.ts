import PQueue from 'p-queue'
import type { Message, Transport } from './message.js'

/** The subject of a mail, as the log names it. */
export type MailKind =
  | 'password reset' | 'e-mail verification' | 'sign-up' | 'e-mail change'
  | 'e-mail changed' | 'e-mail change undone' | 'e-mail address restored'
  | 'password changed' | 'password reset done' | 'account deleted'

/** A mail before it is written. */
export interface MailRequest {
  kind: MailKind
  /** The canonical address that the mail goes to, or would go to if there were an account. */
  to: string
  /** The id of the account, if the caller knows it. */
  account?: string
}

/** How the mailer is doing: mails that wait for their turn or to be tried again, those that are being sent, and how many were sent and lost so far. */
export interface MailLoad { waiting: number, inDelivery: number, sent: number, lost: number }

/** Sends mail in the background. */
export interface Mailer {
  /**
   * Takes a mail and returns at once; it is begun after a random while (see {@link MailerDeps}); neither a slow nor a broken mail server is felt. What cannot be sent is tried again, for some ten minutes.
   * @param mail its kind and whose it is
   * @param write writes the message, or answers null where there is none to send; it runs in the background too
   */
  send: (mail: MailRequest, write: () => Promise<Message | null>) => void
  /** Gives what is waiting, also what waits to be tried again, `milliseconds` to get through, beginning at once; then takes no more, and says in the log how many were lost. */
  close: (milliseconds: number) => Promise<void>
  load: () => MailLoad
}

/** What {@link createMailer} needs. */
export interface MailerDeps {
  transport: Transport
  logger: { error: (line: object, message: string) => void, warn: (line: object, message: string) => void }
  /** How long to wait before the second try; each later wait is three times as long. */
  firstWaitMilliseconds?: number
  /**
   * A mail is begun at a random moment within these. Work that began right after the answer would delay the next one, and by that tell
   * whether there was a mail to send (ASVS 6.3.8). Without it mails begin at once.
   */
  spreadMilliseconds?: number
}

/** Mails that may wait, those to be tried again among them. Beyond them a mail is lost, and the log says so. */
const longestQueue = 1000

/** Connections to the mail server at once. */
const concurrency = 4

/** Seven tries: after 1, 3, 9, 27, 81 and 243 seconds. */
const retries = 6

/** A mail on its way; `tries` counts those that failed. */
interface Mail { kind: MailKind, write: () => Promise<Message | null>, tries: number }

/** The queue of one process; what is in it is lost with the process. */
export function createMailer ({ transport, logger, firstWaitMilliseconds = 1000, spreadMilliseconds = 0 }: MailerDeps): Mailer {
  const queue = new PQueue({ concurrency })
  const counts = { sent: 0, lost: 0 }
  // Those that wait outside the queue, by their timers. None of them holds a connection that others could use.
  const delayed = new Map<NodeJS.Timeout, Mail>()
  let unfinished = 0
  let onFinished = () => {}
  let spread = spreadMilliseconds
  let isClosed = false
  const lose = (line: object, text: string) => {
    counts.lost++
    logger.error(line, text)
  }
  const finish = () => { if (--unfinished === 0) onFinished() }
  // Newcomers go first: where many wait for a server that hangs, they are not the ones to wait for it.
  const begin = (mail: Mail) => { queue.add(async () => { await deliver(mail) }, { priority: -mail.tries }) }
  const delay = (mail: Mail, milliseconds: number) => {
    const timer = setTimeout(() => {
      delayed.delete(timer)
      begin(mail)
    }, milliseconds)
    delayed.set(timer, mail)
    return timer
  }
  const deliver = async (mail: Mail) => {
    try {
      const message = await mail.write()
      if (message !== null) {
        await transport.deliver(message)
        counts.sent++
      }
    } catch (error) {
      if (isClosed) return
      if (mail.tries < retries && !isFinal(error)) {
        logger.warn({ err: error, mail: mail.kind }, 'mail not sent yet, trying again')
        delay({ ...mail, tries: mail.tries + 1 }, firstWaitMilliseconds * 3 ** mail.tries).unref()
        return
      }
      lose({ err: error, mail: mail.kind }, 'mail lost')
    }
    finish()
  }
  return {
    send: ({ kind }, write) => {
      if (delayed.size + queue.size >= longestQueue || isClosed) {
        lose({ mail: kind }, 'mail lost: too many are waiting')
        return
      }
      unfinished++
      const mail = { kind, write, tries: 0 }
      if (spread === 0) begin(mail)
      else delay(mail, Math.random() * spread)
    },
    close: async (milliseconds) => {
      spread = 0
      for (const [timer, mail] of delayed) {
        clearTimeout(timer)
        begin(mail)
      }
      delayed.clear()
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => { timer = setTimeout(resolve, milliseconds) })
      if (unfinished > 0) await Promise.race([new Promise<void>((resolve) => { onFinished = resolve }), patience])
      clearTimeout(timer)
      isClosed = true
      queue.clear()
      for (const timer of delayed.keys()) clearTimeout(timer)
      delayed.clear()
      if (unfinished > 0) logger.error({ lost: unfinished }, 'mails lost: the server ended before they could be sent')
      transport.close()
    },
    load: () => ({ waiting: delayed.size + queue.size, inDelivery: queue.pending, ...counts })
  }
}

// The server has refused this mail for good (RFC 5321 §4.2.1): to send it again would not help.
function isFinal (error: unknown): boolean {
  const { responseCode = 0 } = error as { responseCode?: number }
  return responseCode >= 500
}
