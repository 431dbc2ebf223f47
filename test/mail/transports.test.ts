import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import t from 'tap'
import { compose, type Message } from '../../src/mail/message.js'
import { createMessages } from '../../src/mail/messages.js'
import { createOutbox, createSmtpTransport } from '../../src/mail/transports.js'
import { type Received, startSmtp } from '../support/smtp.js'

const from = 'Latchkey <no-reply@auth.example.org>'
const publicUrl = 'https://auth.example.org'
const messages = createMessages({ appUrl: 'https://app.example.org/x' })

t.test('every mail, through a real SMTP server', async (t) => {
  const { url, received } = await startSmtp(t)
  const transport = createSmtpTransport(url, { from, publicUrl })
  t.teardown(() => {
    transport.close()
  })
  const token = `eyJ.${'x'.repeat(400)}.y-_z`
  const all = Object.values(messages).map((write: (to: string, token: string) => Message) =>
    write('ada@example.org', token),
  )
  for (const message of [...all, messages.emailChanged('ada@example.org', null)]) {
    await transport.deliver(message)
    const { to, from: sender, mail, raw } = received.pop() as Received
    t.strictSame([to, sender], [['ada@example.org'], 'no-reply@auth.example.org'])
    t.equal(mail.subject, message.subject)
    t.strictSame(mail.from?.value, [{ address: 'no-reply@auth.example.org', name: 'Latchkey' }])
    t.equal(mail.headers.get('auto-submitted'), 'auto-generated')
    t.ok(mail.messageId && mail.date)
    t.equal(mail.text?.trim(), message.text.trim(), 'the text part survives the way')
    t.equal(String(mail.html).trim(), message.html.trim())
    t.ok(
      raw.split('\r\n').every((line) => line.length < 1000),
      'RFC 5322 §2.1.1',
    )
    t.notMatch(message.html, /<script|<img|src=|http-equiv/)
  }
  const { text, html } = messages.resetPassword('ada@example.org', token)
  const link = `https://app.example.org/x/password/reset#token=${token}`
  t.ok(text.includes(`\n${link}\n`), 'the link stands alone on its line')
  t.equal(html.split(link).length, 4 - 1, 'as the target of the button, and to copy')
})

t.test('hostile addresses and contents cannot add a header, a receiver or markup', async (t) => {
  const { url, received } = await startSmtp(t)
  const transport = createSmtpTransport(url, { from, publicUrl })
  t.teardown(() => {
    transport.close()
  })
  const evil = 'a"b\'<i>&\r\nBcc: eve@example.org\r\n\r\nbody\r\n.\r\nRCPT TO:<eve@example.org>\r\n'
  await transport.deliver(
    compose('ada@example.org', {
      subject: evil,
      paragraphs: [evil],
      link: { label: evil, url: `https://x/${evil}` },
      closing: [evil],
    }),
  )
  for (const to of [
    "o'neil+tag@example.org",
    '!#$%&*-/=?^_`{|}~@example.org',
    'ada@xn--bcher-kva.example',
  ])
    await transport.deliver({ ...messages.passwordChanged(to) })
  t.strictSame(
    received.map(({ to }) => to),
    [
      ['ada@example.org'],
      ["o'neil+tag@example.org"],
      ['!#$%&*-/=?^_`{|}~@example.org'],
      ['ada@b\u00fccher.example'],
    ],
    'the server shows a domain as it is read',
  )
  t.equal(received[0]?.mail.bcc, undefined)
  t.notMatch(String(received[0]?.mail.html), /<i>/)
  for (const to of [
    'ada@example.org, eve@example.org',
    'ada@example.org\r\nBcc: eve@example.org',
    'Eve <eve@example.org>, ada@example.org',
  ]) {
    await transport.deliver(messages.passwordChanged(to)).catch(() => {})
  }
  t.notOk(
    received.flatMap(({ to }) => to).includes('eve@example.org'),
    'one address is one receiver',
  )
})

t.test('a server that refuses, hangs up or is not there', async (t) => {
  const refusing = await startSmtp(t, {
    onRcptTo: (_address, _session, done) => {
      done(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
    },
  })
  const temporary = await startSmtp(t, {
    onMailFrom: (_address, _session, done) => {
      done(Object.assign(new Error('later'), { responseCode: 451 }))
    },
  })
  const locked = await startSmtp(t, {
    authOptional: false,
    onAuth: (_auth, _session, done) => {
      done(new Error('no'))
    },
  })
  for (const [url, expected] of [
    [refusing.url, { responseCode: 550 }],
    [temporary.url, { responseCode: 451 }],
    [locked.url.replace('//', '//u:p@'), { responseCode: 535 }],
    ['smtp://127.0.0.1:1', { code: 'ESOCKET' }],
  ] as const) {
    const transport = createSmtpTransport(url, { from, publicUrl })
    const error: unknown = await transport
      .deliver(messages.passwordChanged('ada@example.org'))
      .catch((error: unknown) => error)
    t.match(error, expected, url)
    transport.close()
  }
})

t.test('without a server, mails are files that their owner alone can read', async (t) => {
  const folder = join(t.testdir(), 'data/outbox')
  const written: string[] = []
  const { deliver, close } = createOutbox(folder, from, (path) => {
    written.push(path)
  })
  const all: Message[] = [
    messages.resetPassword('ada@example.org', 'eyJ.x.y'),
    messages.passwordChanged('bob@example.org'),
  ]
  for (const message of all) await deliver(message)
  t.strictSame(
    readdirSync(folder)
      .map((name) => join(folder, name))
      .sort(),
    [...written].sort(),
  )
  t.equal(statSync(folder).mode & 0o777, 0o700)
  for (const [index, path] of written.entries()) {
    t.match(path, /\/\d{4}-\d\d-\d\dT[\d-]+\.\d{3}Z-[0-9a-f]{8}\.eml$/)
    t.equal(statSync(path).mode & 0o777, 0o600)
    const mail = await simpleParser(readFileSync(path))
    t.match([mail.to].flat()[0]?.text, all[index]?.to)
    t.equal(mail.text?.trim(), all[index]?.text.trim())
  }
  close()
  await t.rejects(
    createOutbox(join(t.testdir({ file: '' }), 'file/x'), from, () => {}).deliver(
      all[0] as Message,
    ),
  )
})

t.test('a link can be copied from the file of a mail', async (t) => {
  const folder = t.testdir()
  const { deliver } = createOutbox(folder, from, () => {})
  const read = () =>
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .at(-1) ?? ''
  const prefix =
    messages
      .verifyEmail('ada@example.org', '')
      .text.split('\n')
      .find((line) => line.startsWith('https://'))?.length ?? 0
  // From the shortest link to the longest line that a mail may have.
  for (const length of [1, 76 - prefix, 77 - prefix, 400, 900, 998 - prefix]) {
    const token = 'x'.repeat(length)
    await deliver(messages.verifyEmail('ada@example.org', token))
    const raw = read()
    t.ok(
      raw.split('\r\n').includes(`https://app.example.org/x/email/verify#token=${token}`),
      `${length} signs`,
    )
    t.ok(raw.split('\r\n').every((line) => line.length <= 998))
    t.match(
      raw,
      /Content-Type: text\/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nWe received/,
    )
    for (const name of readdirSync(folder)) rmSync(join(folder, name))
  }
})

t.test('a link over 998 signs, and a text that is not ASCII, arrive as they are', async (t) => {
  const { url, received } = await startSmtp(t)
  const transport = createSmtpTransport(url, { from, publicUrl })
  t.teardown(() => {
    transport.close()
  })
  // The longest sign-up token: the longest name and issuer.
  const long = messages.finishSignup('ada@example.org', 'x'.repeat(3600))
  const foreign = compose('ada@example.org', {
    subject: 's',
    paragraphs: ['Schlüssel 鍵 🔑', '.', '..x', 'From here', 'a\u0000b\tc '],
    closing: [],
  })
  const dotted = compose('ada@example.org', {
    subject: 's',
    paragraphs: ['.', '..x', 'From here', 'trailing ', '\tc'],
    closing: [],
  })
  for (const message of [long, foreign, dotted]) {
    await transport.deliver(message)
    const { mail, raw } = received.pop() as Received
    t.equal(mail.text?.trimEnd(), message.text.trimEnd())
    t.ok(
      raw.split('\r\n').every((line) => line.length <= 998),
      'RFC 5322 §2.1.1',
    )
  }
})
