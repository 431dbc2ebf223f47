import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import t from 'tap'
import { loadConfig } from '../../src/config.js'
import { createMessages } from '../../src/mail/messages.js'
import { createOutbox, createSmtpTransport } from '../../src/mail/transports.js'
import { startSmtp } from '../support/smtp.js'

const address = 'no-reply@auth.example.org'
const message = createMessages({ appUrl: 'https://app.example.org' }).passwordChanged(
  'ada@example.org',
)

/** MAIL_FROM, and the name that readers see. */
const senders: Record<string, string> = {
  [address]: '',
  [`<${address}>`]: '',
  [`Latchkey <${address}>`]: 'Latchkey',
  [`Latchkey<${address}>`]: 'Latchkey',
  [`Latchkey: Accounts <${address}>`]: 'Latchkey: Accounts',
  [`Latchkey: eve@example.org; <${address}>`]: 'Latchkey: eve@example.org;',
  [`Latchkey (Accounts) <${address}>`]: 'Latchkey (Accounts)',
  [`Latchkey (open <${address}>`]: 'Latchkey (open',
  [`Latchkey; Accounts <${address}>`]: 'Latchkey; Accounts',
  [`Latchkey, Inc. <${address}>`]: 'Latchkey, Inc.',
  [`eve@example.org, Latchkey <${address}>`]: 'eve@example.org, Latchkey',
  [`"Latchkey, Inc." <${address}>`]: 'Latchkey, Inc.',
  [`"The \\"Latchkey\\"" <${address}>`]: 'The "Latchkey"',
  [`The "Latchkey" <${address}>`]: 'The "Latchkey"',
  [`Latch"key <${address}>`]: 'Latch"key',
  [`Latch\\key <${address}>`]: 'Latch\\key',
  [`Schlüssel 鍵 🔑 <${address}>`]: 'Schlüssel 鍵 🔑',
  [`Schlüssel: 鍵, (🔑) <${address}>`]: 'Schlüssel: 鍵, (🔑)',
}

t.test('the sender is who MAIL_FROM names, whatever signs the name has', async (t) => {
  const { url, received } = await startSmtp(t)
  for (const [setting, name] of Object.entries(senders)) {
    const { MAIL_FROM: from, PUBLIC_URL: publicUrl } = loadConfig({ MAIL_FROM: setting })
    const smtp = createSmtpTransport(url, { from, publicUrl })
    t.teardown(() => {
      smtp.close()
    })
    await smtp.deliver(message)
    const got = received.pop()
    t.strictSame([got?.from, got?.mail.from?.value], [address, [{ address, name }]], setting)
    const folder = t.testdir()
    await createOutbox(folder, from, () => {}).deliver(message)
    const mail = await simpleParser(readFileSync(join(folder, readdirSync(folder)[0] ?? '')))
    t.strictSame(mail.from?.value, [{ address, name }], `${setting} in the outbox`)
  }
})

t.test('MAIL_FROM with more or less than one address is a bad setting', async (t) => {
  for (const MAIL_FROM of [
    'Latchkey',
    'a@example.org, b@example.org',
    'a,b@example.org',
    'a:b@example.org',
    'Latchkey: a@example.org;',
    'a;b@example.org',
    '(x)a@example.org',
    '"a"@example.org',
    'a@example.org (x)',
    'a\\b@example.org',
    'Latchkey <a@example.org> <b@example.org>',
    'Latchkey <a@example.org,b@example.org>',
    'Latchkey <a@@example.org>',
    'Latchkey <a>',
    'Latch\nkey <a@example.org>',
    'Latchkey <a@example.org>, b@example.org',
    'Latch\u202ekey <a@example.org>',
    'a\u200b@example.org',
  ]) {
    t.throws(
      () => loadConfig({ MAIL_FROM }),
      /MAIL_FROM: Name <address>/,
      JSON.stringify(MAIL_FROM),
    )
  }
})
