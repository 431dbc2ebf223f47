import type { MailKind, MailRequest } from './kinds.js'
import type { Message, Transport } from './message.js'
import { isRefusedForGood } from './refusals.js'
import { createShares } from './shares.js'
import { createFairMails } from './fair-mails.js'

/** The words for a mail before it is written, for callers of {@link Mailer}. */
export type { MailKind, MailRequest } from './kinds.js'

/**
 * How the mailer is doing: mails that wait for their turn or to be tried again, those that are
 * being sent, and how many were sent and lost so far.
 */
export interface MailLoad {
  waiting: number
  inDelivery: number
  sent: number
  lost: number
}

/** Sends mail in the background. */
export interface Mailer {
  /**
   * Takes a mail and returns at once. Delivery begins after a random time (see
   * {@link MailerDeps}), so the caller feels neither a slow nor a broken mail server. A mail
   * that cannot be sent is retried for some six minutes. A mail over its share is lost: the log
   * says so, the caller does not notice.
   *
   * @param mail its kind and whose it is
   * @param write writes the message, or answers null where there is none to send; it runs in
   *   the background too
   */
  send: (mail: MailRequest, write: () => Promise<Message | null>) => void
  /**
   * Gives what is waiting, also what waits to be tried again, `milliseconds` to get through,
   * beginning at once; then takes no more, and says in the log how many were lost.
   */
  close: (milliseconds: number) => Promise<void>
  load: () => MailLoad
}

/** What {@link createMailer} needs. */
export interface MailerDeps {
  transport: Transport
  logger: {
    error: (line: object, message: string) => void
    warn: (line: object, message: string) => void
  }
  /** How long to wait before the second try; each later wait is three times as long. */
  firstWaitMilliseconds?: number
  /**
   * A mail is begun at a random moment within these. Work that began right after the answer
   * would delay the next one, and by that tell whether there was a mail to send (ASVS 6.3.8).
   * Without it mails begin at once.
   */
  spreadMilliseconds?: number
}

/** Connections to the mail server at once. */
const concurrency = 4

/** Seven tries: after 1, 3, 9, 27, 81 and 243 seconds. */
const retries = 6

/**
 * A mail on its way. It takes turns with the other mails of its lane; `tries` counts the failed
 * ones; `release` gives its place back.
 */
interface Mail {
  kind: MailKind
  lane: string
  write: () => Promise<Message | null>
  release: () => void
  tries: number
}

/**
 * Creates the queue of one process; its mails are lost when the process ends. Each account and
 * address has a share of it: {@link createShares}.
 */
export function createMailer({
  transport,
  logger,
  firstWaitMilliseconds = 1000,
  spreadMilliseconds = 0,
}: MailerDeps): Mailer {
  const shares = createShares()
  const queue = createFairMails<Mail>()
  const counts = { sent: 0, lost: 0 }
  // Mails that wait outside the queue, by their timers. None of them holds a connection that others
  // could use.
  const delayed = new Map<NodeJS.Timeout, Mail>()
  let inDelivery = 0
  let unfinished = 0
  let onFinished = () => {}
  let spread = spreadMilliseconds
  let isClosed = false
  const lose = (line: object, text: string) => {
    counts.lost++
    logger.error(line, text)
  }
  const finish = ({ release }: Mail) => {
    release()
    if (--unfinished === 0) onFinished()
  }
  const deliverNext = () => {
    if (inDelivery >= concurrency) return
    const mail = queue.next()
    if (mail !== undefined) void deliver(mail)
  }
  const begin = (mail: Mail) => {
    queue.add(mail)
    deliverNext()
  }
  const delay = (mail: Mail, milliseconds: number) => {
    const timer = setTimeout(() => {
      delayed.delete(timer)
      begin(mail)
    }, milliseconds)
    delayed.set(timer, mail)
    return timer
  }
  // Never rejects: a mail that fails is tried again or lost, and both are logged.
  const deliver = async (mail: Mail) => {
    inDelivery++
    try {
      const message = await mail.write()
      if (message !== null) {
        await transport.deliver(message)
        counts.sent++
      }
      finish(mail)
    } catch (error) {
      if (!isClosed) fail(mail, error)
    }
    inDelivery--
    deliverNext()
  }
  const fail = (mail: Mail, error: unknown) => {
    if (mail.tries < retries && !isRefusedForGood(error)) {
      logger.warn({ err: error, mail: mail.kind }, 'mail not sent yet, trying again')
      delay({ ...mail, tries: mail.tries + 1 }, firstWaitMilliseconds * 3 ** mail.tries).unref()
      return
    }
    lose({ err: error, mail: mail.kind }, 'mail lost')
    finish(mail)
  }
  return {
    send: (request, write) => {
      const { kind, to, account } = request
      const place = isClosed ? { refusal: 'the server is ending' } : shares.take(request)
      if ('refusal' in place) {
        lose({ mail: kind }, `mail lost: ${place.refusal}`)
        return
      }
      unfinished++
      const mail = { kind, lane: account ?? to, write, release: place.release, tries: 0 }
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
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, milliseconds)
      })
      if (unfinished > 0)
        await Promise.race([
          new Promise<void>((resolve) => {
            onFinished = resolve
          }),
          patience,
        ])
      clearTimeout(timer)
      isClosed = true
      queue.clear()
      for (const timer of delayed.keys()) clearTimeout(timer)
      delayed.clear()
      if (unfinished > 0)
        logger.error({ lost: unfinished }, 'mails lost: the server ended before they could be sent')
      transport.close()
    },
    load: () => ({ waiting: delayed.size + queue.size(), inDelivery, ...counts }),
  }
}
