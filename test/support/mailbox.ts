import { setTimeout as wait } from 'node:timers/promises'
import { createMailer, type Mailer, type MailerDeps } from '../../src/mail/mailer.js'
import type { Message, Transport } from '../../src/mail/message.js'

/** The shipped mailer, and what it has sent. */
export interface Mailbox {
  mailer: Mailer
  /** The mails that were sent and not yet read. */
  mails: Message[]
  /**
   * Waits for a mail to an address whose subject begins with a text, or matches a pattern, and
   * takes it out.
   */
  nextMail: (to: string, subject: string | RegExp) => Promise<Message>
}

/**
 * The token in the link of a mail; empty where there is none.
 *
 * @param path where the link has to lead
 */
export function tokenOf({ text }: Pick<Message, 'text'>, path = ''): string {
  return new RegExp(`${path}#token=([\\w.-]+)`).exec(text)?.[1] ?? ''
}

/** @param transport sends mails, instead of keeping them */
export function createMailbox(logger: MailerDeps['logger'], transport?: Transport): Mailbox {
  const mails: Message[] = []
  const keep: Transport = {
    deliver: async (message) => {
      mails.push(message)
    },
    close: () => {},
  }
  return {
    mailer: createMailer({ transport: transport ?? keep, logger }),
    mails,
    nextMail: async (to, subject) => {
      for (let waited = 0; waited < 10_000; waited += 5) {
        const index = mails.findIndex(
          (message) =>
            message.to === to &&
            (typeof subject === 'string'
              ? message.subject.startsWith(subject)
              : subject.test(message.subject)),
        )
        const [found] = index < 0 ? [] : mails.splice(index, 1)
        if (found !== undefined) return found
        await wait(5)
      }
      throw new Error(`no mail to ${to} came: ${String(subject)}`)
    },
  }
}
