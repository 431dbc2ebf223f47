import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import type { Test } from 'tap'

/** A mail that a server has taken: its envelope, the mail as parsed, and as it came. */
export interface Received {
  to: string[]
  from: string
  mail: ParsedMail
  raw: string
}

/**
 * A real SMTP server, what it has received, and a way to wait for the mail to an address whose
 * subject begins with a word, which is taken out.
 */
export async function startSmtp(
  t: Test,
  options: ConstructorParameters<typeof SMTPServer>[0] = {},
): Promise<{
  url: string
  received: Received[]
  nextMail: (to: string, subject: string) => Promise<Received>
}> {
  const received: Received[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks)
        simpleParser(raw).then((mail) => {
          received.push({
            to: session.envelope.rcptTo.map(({ address }) => address),
            from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
            mail,
            raw: raw.toString(),
          })
          done()
        }, done)
      })
    },
    ...options,
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  t.teardown(async () => {
    await new Promise<void>((resolve) => {
      server.close(resolve)
    })
  })
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    received,
    nextMail: async (to, subject) => {
      for (let waited = 0; waited < 10_000; waited += 10) {
        const index = received.findIndex(
          (one) => one.to.includes(to) && one.mail.subject?.startsWith(subject) === true,
        )
        const [found] = index < 0 ? [] : received.splice(index, 1)
        if (found !== undefined) return found
        await wait(10)
      }
      throw new Error(`no mail to ${to} came: ${subject}`)
    },
  }
}
