import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createMessages } from '../../src/mail/messages.js'
import { openMailer } from '../../src/mail/open-mailer.js'
import { isLoopback, mayBeUnencrypted, smtpOptions } from '../../src/mail/smtp-url.js'
import { createSmtpTransport } from '../../src/mail/transports.js'
import { startSmtp } from '../support/smtp.js'

const publicUrl = 'https://auth.example.org'
const message = createMessages({ appUrl: publicUrl }).resetPassword('ada@example.org', 'eyJ.x.y')

/**
 * Starts a real SMTP server that takes every password, and tells how each password and mail
 * came.
 */
async function startMailServer(t: Test, { offersTls }: { offersTls: boolean }) {
  const seen: string[] = []
  const { url, received } = await startSmtp(t, {
    disabledCommands: offersTls ? [] : ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
    onAuth: ({ username }, { secure }, done) => {
      seen.push(`password ${secure ? 'encrypted' : 'in clear'}`)
      done(null, { user: username })
    },
    onMailFrom: (_address, { secure }, done) => {
      seen.push(`mail ${secure ? 'encrypted' : 'in clear'}`)
      done()
    },
  })
  return { port: Number(new URL(url).port), seen, received }
}

/**
 * Starts an attacker between us and the server: the server's offer to encrypt is hidden, and a
 * try all the same is refused.
 */
async function startStripper(t: Test, port: number): Promise<number> {
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) sockets.add(socket.on('error', () => {}))
    client
      .on('data', (chunk) => {
        if (/^STARTTLS/i.test(chunk.toString())) client.write('502 5.5.1 not implemented\r\n')
        else server.write(chunk)
      })
      .on('end', () => {
        server.end()
      })
    server
      .on('data', (chunk) => {
        client.write(chunk.toString().replaceAll('STARTTLS', 'XXXXXXXX'))
      })
      .on('end', () => {
        client.end()
      })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  return (proxy.address() as AddressInfo).port
}

async function deliver(t: Test, url: string): Promise<string> {
  const transport = createSmtpTransport(url, { from: 'no-reply@example.org', publicUrl })
  t.teardown(() => {
    transport.close()
  })
  return await transport.deliver(message).then(
    () => 'sent',
    () => 'refused',
  )
}

// A connection to 0.0.0.0 reaches this machine, but the address is not one of loopback: it stands
// for a host elsewhere.
const elsewhere = '0.0.0.0'

t.test('a password and a mail travel over a network as the URL allows', async (t) => {
  const plain = await startMailServer(t, { offersTls: false })
  const selfSigned = await startMailServer(t, { offersTls: true })
  const stripped = { port: await startStripper(t, selfSigned.port), seen: selfSigned.seen }
  const inClear = ['password in clear', 'mail in clear']
  const encrypted = ['password encrypted', 'mail encrypted']
  const cases: Array<
    [
      what: string,
      server: { port: number; seen: string[] },
      url: string,
      result: string,
      seen: string[],
    ]
  > = [
    ['no STARTTLS, password', plain, `u:p@${elsewhere}`, 'refused', []],
    ['no STARTTLS, user name alone', plain, `u@${elsewhere}`, 'refused', []],
    [
      'no STARTTLS, password, opted out',
      plain,
      `u:p@${elsewhere}?requireTLS=false`,
      'sent',
      inClear,
    ],
    ['no STARTTLS, password, loopback', plain, 'u:p@127.0.0.1', 'sent', inClear],
    [
      'no STARTTLS, password, loopback, opted in',
      plain,
      'u:p@127.0.0.1?requireTLS=true',
      'refused',
      [],
    ],
    ['no STARTTLS, no password', plain, elsewhere, 'sent', ['mail in clear']],
    ['no STARTTLS, no password, opted in', plain, `${elsewhere}?requireTLS=true`, 'refused', []],
    ['stripped, password', stripped, `u:p@${elsewhere}`, 'refused', []],
    [
      'stripped, password, opted out',
      stripped,
      `u:p@${elsewhere}?requireTLS=false`,
      'sent',
      inClear,
    ],
    [
      'stripped, password, certificate not checked',
      stripped,
      `u:p@${elsewhere}?tls.rejectUnauthorized=false`,
      'refused',
      [],
    ],
    ['stripped, no password, opted in', stripped, `${elsewhere}?requireTLS=true`, 'refused', []],
    ['self-signed, password', selfSigned, `u:p@${elsewhere}`, 'refused', []],
    [
      'self-signed, password, opted out: what is offered is used',
      selfSigned,
      `u:p@${elsewhere}?requireTLS=false`,
      'refused',
      [],
    ],
    ['self-signed, no password', selfSigned, elsewhere, 'refused', []],
    ['self-signed, password, loopback', selfSigned, 'u:p@127.0.0.1', 'refused', []],
    [
      'self-signed, password, certificate not checked',
      selfSigned,
      `u:p@${elsewhere}?tls.rejectUnauthorized=false`,
      'sent',
      encrypted,
    ],
    [
      'self-signed, no password, certificate not checked',
      selfSigned,
      `${elsewhere}?tls.rejectUnauthorized=false`,
      'sent',
      ['mail encrypted'],
    ],
  ]
  for (const [what, { port, seen }, url, result, expected] of cases) {
    const [authority = '', query] = url.split('?')
    t.equal(
      await deliver(t, `smtp://${authority}:${port}${query === undefined ? '' : `?${query}`}`),
      result,
      what,
    )
    t.strictSame(seen.splice(0), expected, what)
  }
})

t.test('every spelling of this machine is known, and nothing else', async (t) => {
  const here = [
    'localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.1',
    '127.1.2.3',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
  ]
  const there = [
    'localhost.example.org',
    '127.0.0.1.example.org',
    'mail',
    'localhost.',
    '128.0.0.1',
    '10.0.0.1',
    elsewhere,
    '[::]',
    '[::2]',
    '[::ffff:10.0.0.1]',
    '[2001:db8::1]',
    'b%C3%BCcher.example',
  ]
  for (const host of [...here, ...there]) {
    const url = `smtp://u:p@${host}:25`
    t.equal(isLoopback(url), here.includes(host), host)
    t.equal(smtpOptions(url, publicUrl).requireTLS, there.includes(host), `TLS to ${host}`)
  }
})

t.test('the operator is warned when mails may travel unencrypted', async (t) => {
  const cases: Record<string, boolean> = {
    'smtp://mail': true,
    'smtp://mail?requireTLS=false': true,
    'smtp://mail?requireTLS=true': false,
    'smtp://u:p@mail': false,
    'smtp://u@mail': false,
    'smtp://u:p@mail?requireTLS=false': true,
    'smtp://u:p@localhost?requireTLS=false': false,
    'smtp://localhost': false,
    'smtps://mail': false,
    'smtps://u:p@mail?requireTLS=false': false,
  }
  for (const [url, expected] of Object.entries(cases)) {
    t.equal(mayBeUnencrypted(url), expected, url)
    const lines: string[] = []
    const note = (_line: object, text: string) => {
      lines.push(text)
    }
    await openMailer(
      { SMTP_URL: url, MAIL_FROM: 'no-reply@example.org', PUBLIC_URL: publicUrl },
      { error: note, warn: note, info: note },
    ).close(0)
    t.strictSame(
      lines,
      expected
        ? [
            'SMTP_URL does not require TLS: mails, with links that open accounts, may travel unencrypted',
          ]
        : [],
    )
  }
})
