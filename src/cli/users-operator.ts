import { type Actor, type Acts, cliActor, createActs } from '../account/acts.js'
import { type Administration, createAdministration } from '../account/administer.js'
import { type AdminMails, createAdminMails } from '../account/admin-mails.js'
import type { Config } from '../config.js'
import type { Mailer, MailRequest } from '../mail/mailer.js'
import type { Message } from '../mail/message.js'
import { createMessages } from '../mail/messages.js'
import type { Store } from '../store/open-store.js'
import type { SendMails } from './users-mail.js'

/** The actor of every command. A command may remove the last admin, and has no log. */
export const operator: Actor = {
  id: cliActor,
  requestId: null,
  mayRemoveLastAdmin: true,
  log: () => {},
}

/** The acts of a command. They are those of the admin API. */
export interface Operator {
  administration: Administration
  acts: Acts
  mails: AdminMails
  /** Sends the mails of the acts, and waits until they are delivered. */
  deliverMails: () => Promise<void>
}

/** The dependencies of {@link createOperator}. */
export interface OperatorParts extends Pick<Store, 'accounts' | 'auditLog'> {
  config: Pick<Config, 'APP_URL'>
  sendMails: SendMails
}

/** Creates {@link Operator}. A command prints its effect before it waits for the mail server. */
export function createOperator({ accounts, auditLog, config, sendMails }: OperatorParts): Operator {
  const waiting: Array<{ mail: MailRequest; write: () => Promise<Message | null> }> = []
  const mailer: Pick<Mailer, 'send' | 'reserve'> = {
    send: (mail, write) => {
      waiting.push({ mail, write })
    },
    reserve: (mail) => ({
      send: (write) => {
        waiting.push({ mail, write })
      },
      cancel: () => {},
    }),
  }
  const messages = createMessages({ appUrl: config.APP_URL })
  const acts = createActs(auditLog)
  const mails = createAdminMails({ messages, mailer })
  return {
    administration: createAdministration({ accounts, acts, mails, clock: Date.now }),
    acts,
    mails,
    deliverMails: async () => {
      if (waiting.length === 0) return
      const written = waiting.splice(0).map(async ({ mail, write }) => ({
        mail,
        message: (await write()) as Message,
      }))
      await sendMails(await Promise.all(written))
    },
  }
}
