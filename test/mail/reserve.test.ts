import t from 'tap'
import { createMailbox } from '../support/mailbox.js'

const message = { to: 'ada@example.org', subject: 's', text: 't', html: 'h' }
const mail = { kind: 'invitation', to: message.to, account: 'admin' } as const

t.test('a place is for one mail, and can be given back', async (t) => {
  const lost: string[] = []
  const note = (_line: object, text: string) => {
    lost.push(text)
  }
  const { mailer, mails } = createMailbox({ error: note, warn: note })
  const places = Array.from({ length: 5 }, () => mailer.reserve(mail))
  t.ok(places.every((place) => place !== null))
  t.equal(mailer.reserve(mail), null, 'five of a kind to an address')
  places[0]?.cancel()
  t.not(mailer.reserve(mail), null)
  places[1]?.send(async () => message)
  await mailer.close(1000)
  t.strictSame(mails, [message])
  places[2]?.send(async () => message)
  t.equal(mailer.reserve(mail), null, 'after the end')
  t.strictSame(lost, ['mail lost: the server is shutting down'])
  t.equal(mailer.load().lost, 1)
})
