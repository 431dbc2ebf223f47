import PQueue from 'p-queue'
import pRetry, { AbortError } from 'p-retry'
import type { Message, Transport } from './message.js'

/** How the mailer is doing: mails that wait for their turn, those that are being sent or wait to be tried again, and how many were sent and lost so far. */
export interface MailLoad { waiting: number, inDelivery: number, sent: number, lost: number }

/** Sends mail in the background. */
export interface Mailer {
  /**
   * Takes a mail and returns at once; it is begun after a random while (see {@link MailerDeps}); neither a slow nor a broken mail server is felt. What cannot be sent is tried again, for some ten minutes.
   * @param kind what it is about, for the log
   * @param write writes the message, or answers null where there is none to send; it runs in the background too
   */
  send: (kind: string, write: () => Promise<Message | null>) => void
  /** Takes no more, gives what is waiting `milliseconds` to get through, and says in the log how many were lost. */
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

/** Mails that may wait. Beyond them a mail is lost, and the log says so. */
const longestQueue = 1000

/** Connections to the mail server at once. */
const concurrency = 4

/** Seven tries: after 1, 3, 9, 27, 81 and 243 seconds. */
const retries = 6

export function createMailer ({ transport, logger, firstWaitMilliseconds = 1000, spreadMilliseconds = 0 }: MailerDeps): Mailer {
  const queue = new PQueue({ concurrency })
  const counts = { sent: 0, lost: 0 }
  const lose = (line: object, text: string) => {
    counts.lost++
    logger.error(line, text)
  }
  const closing = new AbortController()
  const early = new Map<NodeJS.Timeout, () => void>()
  let spread = spreadMilliseconds
  const deliver = async (kind: string, write: () => Promise<Message | null>) => {
    try {
      await pRetry(async () => {
        const message = await write()
        if (message === null) return
        await transport.deliver(message).catch((error: unknown) => { throw isFinal(error) ? new AbortError(error as Error) : error })
        counts.sent++
      }, {
        retries,
        factor: 3,
        minTimeout: firstWaitMilliseconds,
        unref: true,
        signal: closing.signal,
        shouldRetry: () => true,
        onFailedAttempt: ({ error, retriesLeft }) => { if (retriesLeft > 0) logger.warn({ err: error, mail: kind }, 'mail not sent yet, trying again') }
      })
    } catch (error) {
      if (!closing.signal.aborted) lose({ err: error, mail: kind }, 'mail lost')
    }
  }
  return {
    send: (kind, write) => {
      if (early.size + queue.size >= longestQueue || closing.signal.aborted) {
        lose({ mail: kind }, 'mail lost: too many are waiting')
        return
      }
      const begin = () => { queue.add(async () => { await deliver(kind, write) }) }
      if (spread === 0) {
        begin()
        return
      }
      const timer = setTimeout(() => {
        early.delete(timer)
        begin()
      }, Math.random() * spread)
      early.set(timer, begin)
    },
    close: async (milliseconds) => {
      spread = 0
      for (const [timer, begin] of early) {
        clearTimeout(timer)
        begin()
      }
      early.clear()
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => { timer = setTimeout(resolve, milliseconds) })
      await Promise.race([queue.onIdle(), patience])
      clearTimeout(timer)
      const lost = queue.size + queue.pending
      closing.abort()
      queue.clear()
      if (lost > 0) logger.error({ lost }, 'mails lost: the server ended before they could be sent')
      transport.close()
    },
    load: () => ({ waiting: early.size + queue.size, inDelivery: queue.pending, ...counts })
  }
}

// The server has refused this mail for good (RFC 5321 §4.2.1): to send it again would not help.
function isFinal (error: unknown): boolean {
  const { responseCode = 0 } = error as { responseCode?: number }
  return responseCode >= 500
}
