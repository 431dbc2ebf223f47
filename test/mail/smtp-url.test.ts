import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config.js'
import { createMailer } from '../../src/mail/mailer.js'
import { createMessages } from '../../src/mail/messages.js'
import { createSmtpTransport } from '../../src/mail/transports.js'
import { projectFile } from '../helper.js'
import { startSmtp } from '../support/smtp.js'

const message = createMessages({ appUrl: 'https://app.example.org' }).passwordChanged(
  'ada@example.org',
)

/** Sends mails at once through the server of a URL, with the settings as an operator gives them. */
async function deliver(
  t: Test,
  url: string,
  { publicUrl = 'https://auth.example.org', count = 1 } = {},
): Promise<void> {
  const { SMTP_URL, PUBLIC_URL } = loadConfig({ SMTP_URL: url, PUBLIC_URL: publicUrl })
  const transport = createSmtpTransport(SMTP_URL, {
    from: 'no-reply@example.org',
    publicUrl: PUBLIC_URL,
  })
  t.teardown(() => {
    transport.close()
  })
  await Promise.all(
    Array.from({ length: count }, async () => {
      await transport.deliver(message)
    }),
  )
}

t.test('the server greets by the host of PUBLIC_URL, unless the URL has a name', async (t) => {
  const names: string[] = []
  const { url } = await startSmtp(t, {
    onMailFrom: (_address, { hostNameAppearsAs }, done) => {
      names.push(String(hostNameAppearsAs))
      done()
    },
  })
  const cases: Record<string, RegExp> = {
    'https://auth.example.org': /^auth\.example\.org$/,
    'https://auth.example.org:8443/x': /^auth\.example\.org$/,
    'https://xn--bcher-kva.example': /^xn--bcher-kva\.example$/,
    'http://192.0.2.7': /^\[192\.0\.2\.7\]$/,
    'http://[2001:db8::1]:3000': /^\[IPv6:2001:db8::1\]$/i,
    // The name of this machine, or its loopback address: many servers refuse a greeting without a
    // dot.
    'http://localhost:3000': /^\[127\.0\.0\.1\]$|\./,
  }
  for (const [publicUrl, name] of Object.entries(cases)) {
    await deliver(t, url, { publicUrl })
    t.match(names.pop(), name, publicUrl)
  }
  for (const name of ['other.example.org', '[192.0.2.9]', 'short']) {
    await deliver(t, `${url}?name=${name}`)
    t.equal(names.pop(), name)
  }
})

t.test('every parameter that the docs list does what they say', async (t) => {
  const methods: string[] = []
  const names: unknown[] = []
  const sessions: string[] = []
  const options = {
    allowInsecureAuth: true,
    authMethods: ['PLAIN', 'LOGIN'],
    onAuth: (
      { method }: { method: string },
      _session: object,
      done: (error: null, reply: object) => void,
    ) => {
      methods.push(method)
      done(null, { user: 'u' })
    },
    onMailFrom: (_address: object, session: { id: string }, done: () => void) => {
      sessions.push(session.id)
      done()
    },
  }
  const { url } = await startSmtp(t, options)
  const withUser = url.replace('//', '//u:p@')
  await deliver(t, withUser)
  await deliver(t, `${withUser}?authMethod=LOGIN`)
  t.strictSame(methods.splice(0), ['PLAIN', 'LOGIN'])
  await deliver(t, `${url}?maxConnections=1`, { count: 6 })
  t.equal(new Set(sessions.splice(0).slice(-6)).size, 1, 'one connection')
  await deliver(t, `${url}?maxMessages=2&maxConnections=1`, { count: 6 })
  t.equal(new Set(sessions.splice(0)).size, 3, 'two mails a connection')

  const encrypting = await startSmtp(t, {
    disabledCommands: [],
    onSecure: (_socket, session, done) => {
      names.push((session as { servername?: unknown }).servername)
      done()
    },
  })
  await deliver(t, `${encrypting.url}?tls.rejectUnauthorized=false&tls.servername=mail.example.org`)
  t.strictSame(names, ['mail.example.org'])

  const silent = createServer((socket) => {
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  const hanging = await startSmtp(t, { onMailFrom: () => {} })
  for (const slow of [
    `smtps://127.0.0.1:${port}?connectionTimeout=50`,
    `smtp://127.0.0.1:${port}?greetingTimeout=50`,
    `${hanging.url}?socketTimeout=200`,
  ]) {
    const begin = performance.now()
    await t.rejects(deliver(t, slow), { code: 'ETIMEDOUT' }, slow)
    t.ok(performance.now() - begin < 8000, 'sooner than the default')
  }
})

t.test('SMTP_URL is one server and known parameters', async (t) => {
  const good = [
    'smtp://mail',
    'smtps://mail:465/',
    'smtp://u:p%40%2F@mail:587?requireTLS=false',
    'smtp://[::1]:25',
    'smtp://b\u00fccher.example',
    'smtp://127.1',
    'smtp://mail?name=auth.example.org&tls.rejectUnauthorized=false&tls.servername=mail.example.org&authMethod=CRAM-MD5&connectionTimeout=1&greetingTimeout=2&socketTimeout=3&maxConnections=4&maxMessages=5',
  ]
  for (const SMTP_URL of good) t.equal(loadConfig({ SMTP_URL }).SMTP_URL, SMTP_URL)
  const bad = [
    'mail',
    'http://mail',
    'smtp:',
    'smtp:///',
    'smtp://u:p@',
    'smtp://u:1/x@mail',
    'smtp://u:1?x@mail',
    'smtp://u:1#x@mail',
    'smtp://mail/path',
    'smtp://mail%zz',
    'smtp://mail:0x',
    'smtp://1.2.3.4.5',
    'smtp://mail?requireTls=true',
    'smtp://mail?requireTLS',
    'smtp://mail?requireTLS=no',
    'smtp://mail?requireTLS=0',
    'smtp://mail?requireTLS=true&requireTLS=false',
    'smtp://mail?ignoreTLS=true',
    'smtp://mail?secure=true',
    'smtp://mail?service=gmail',
    'smtp://mail?proxy=http://eve',
    'smtp://mail?logger=true',
    'smtp://mail?tls.rejectUnauthorized=0',
    'smtp://mail?tls.ca=x',
    'smtp://mail?__proto__=x',
    'smtp://mail?constructor=x',
    'smtp://mail?maxConnections=5',
    'smtp://mail?maxMessages=0',
    'smtp://mail?socketTimeout=1s',
    'smtp://mail?name=a%0D%0Ab',
  ]
  for (const SMTP_URL of bad) t.throws(() => loadConfig({ SMTP_URL }), /SMTP_URL: smtp:/, SMTP_URL)
  const docs = await projectFile('docs/deploy.md')
  for (const name of new URL(good.at(-1) ?? '').searchParams.keys())
    t.ok(docs.includes(`\`${name}\``), `docs/deploy.md lists ${name}`)
})

t.test('a mail waits while the server refuses the password', async (t) => {
  let isAccepted = false
  const { url, received } = await startSmtp(t, {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) => {
      // As when the provider's password was changed: the operator corrects it, or it was a fault of
      // theirs.
      if (isAccepted) done(null, { user: 'u' })
      else done(Object.assign(new Error('5.7.8 bad credentials'), { responseCode: 535 }))
      isAccepted = true
    },
  })
  const lines: string[] = []
  const note = (_line: object, text: string) => {
    lines.push(text)
  }
  const transport = createSmtpTransport(url.replace('//', '//u:p@'), {
    from: 'no-reply@example.org',
    publicUrl: 'https://auth.example.org',
  })
  const mailer = createMailer({
    transport,
    logger: { error: note, warn: note },
    firstWaitMilliseconds: 1,
  })
  mailer.send({ kind: 'password reset', to: 'ada@example.org' }, async () => message)
  await mailer.close(5000)
  t.strictSame(
    [received.length, mailer.load(), lines],
    [1, { waiting: 0, inDelivery: 0, sent: 1, lost: 0 }, ['mail not sent yet, trying again']],
  )
})
