import type { MailKind, MailRequest } from './kinds.js'
import type { Message, Transport } from './message.js'
import { isRefusedForGood } from './refusals.js'
import { createShares } from './shares.js'
import { createFairMails } from './fair-mails.js'

/** The types of a request to send a mail, for callers of {@link Mailer}. */
export type { MailKind, MailRequest } from './kinds.js'

/**
 * The load of the mailer: mails that wait for their turn or a retry, mails in delivery, and how
 * many were sent and lost so far.
 */
export interface MailLoad {
  waiting: number
  inDelivery: number
  sent: number
  lost: number
}

/** A place in the queue for one mail. Use it, or give it back. */
export interface ReservedMail {
  /** Queues the mail and returns at once. Delivery begins as soon as a connection is free. */
  send: (write: () => Promise<Message | null>) => void
  /** Gives the place back. */
  cancel: () => void
}

/** Sends mail in the background. */
export interface Mailer {
  /**
   * Queues a mail and returns at once. Delivery begins after a random time (see
   * {@link MailerDeps}), so a slow or broken mail server does not delay the caller. A failed
   * delivery is retried for some six minutes. A mail over its share is dropped: only the log
   * says so.
   *
   * @param mail its kind, receiver and account
   * @param write writes the message in the background, or returns null to send no mail
   */
  send: (mail: MailRequest, write: () => Promise<Message | null>) => void
  /**
   * Takes a place for a mail, for a caller who must know whether it will be sent. Returns null
   * if the mail would be over its share.
   */
  reserve: (mail: MailRequest) => ReservedMail | null
  /**
   * Delivers all waiting mails at once, also those that wait for a retry. After `milliseconds`
   * it drops the rest, logs how many were lost, and accepts no more mails.
   */
  close: (milliseconds: number) => Promise<void>
  load: () => MailLoad
}

/** The options of {@link createMailer}. */
export interface MailerDeps {
  transport: Transport
  logger: {
    error: (line: object, message: string) => void
    warn: (line: object, message: string) => void
  }
  /** The wait before the first retry. Each later wait is three times as long. */
  firstWaitMilliseconds?: number
  /**
   * Delivery begins at a random moment within this time. Work right after a response would
   * delay the next request. An attacker could then measure whether a mail was sent (ASVS
   * 6.3.8). Default: 0, delivery begins at once.
   */
  spreadMilliseconds?: number
}

/** The number of concurrent connections to the mail server. */
const concurrency = 4

/** The number of retries: after 1, 3, 9, 27, 81 and 243 seconds. */
const retries = 6

/**
 * A queued mail. It takes turns with the other mails of its lane. `tries` counts failed
 * deliveries. `release` frees its place.
 */
interface Mail {
  kind: MailKind
  lane: string
  write: () => Promise<Message | null>
  release: () => void
  tries: number
}

/**
 * Creates the mail queue of one process. Its mails are lost when the process ends. Each account
 * and address has a share of the queue: {@link createShares}.
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
  // Mails that wait outside the queue, by their timers. They must not occupy a connection.
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
  // Never rejects: a failed mail is retried or dropped, and both are logged.
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
  const take = (request: MailRequest) =>
    isClosed ? { refusal: 'the server is shutting down' } : shares.take(request)
  const toMail = ({ kind, to, account }: MailRequest, rest: Pick<Mail, 'write' | 'release'>) => ({
    ...rest,
    kind,
    lane: account ?? to,
    tries: 0,
  })
  return {
    send: (request, write) => {
      const place = take(request)
      if ('refusal' in place) {
        lose({ mail: request.kind }, `mail lost: ${place.refusal}`)
        return
      }
      unfinished++
      const mail = toMail(request, { write, release: place.release })
      if (spread === 0) begin(mail)
      else delay(mail, Math.random() * spread)
    },
    reserve: (request) => {
      const place = take(request)
      if ('refusal' in place) return null
      return {
        send: (write) => {
          if (isClosed) {
            lose({ mail: request.kind }, 'mail lost: the server is shutting down')
            return
          }
          unfinished++
          begin(toMail(request, { write, release: place.release }))
        },
        cancel: place.release,
      }
    },
    close: async (milliseconds) => {
      spread = 0
      for (const [timer, mail] of delayed) {
        clearTimeout(timer)
        begin(mail)
      }
      delayed.clear()
      let timer: NodeJS.Timeout | undefined
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, milliseconds)
      })
      if (unfinished > 0)
        await Promise.race([
          new Promise<void>((resolve) => {
            onFinished = resolve
          }),
          timeout,
        ])
      clearTimeout(timer)
      isClosed = true
      queue.clear()
      for (const timer of delayed.keys()) clearTimeout(timer)
      delayed.clear()
      if (unfinished > 0)
        logger.error(
          { lost: unfinished },
          'mails lost: the server shut down before they could be sent',
        )
      transport.close()
    },
    load: () => ({ waiting: delayed.size + queue.size(), inDelivery, ...counts }),
  }
}
