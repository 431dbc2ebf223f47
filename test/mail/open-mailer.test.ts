import { readdirSync } from 'node:fs'
import t from 'tap'
import { openMailer } from '../../src/mail/open-mailer.js'

const settings = { MAIL_FROM: 'no-reply@example.org', PUBLIC_URL: 'https://auth.example.org' }

t.test('a server that may get mails without TLS is warned of, once', async (t) => {
  const rows: Array<[url: string, warns: boolean]> = [
    ['', false],
    ['smtp://127.0.0.1:1', false],
    ['smtp://mail.example.org', true],
    ['smtp://u:p@mail.example.org', false],
    ['smtps://mail.example.org', false],
  ]
  for (const [SMTP_URL, warns] of rows) {
    const lines: string[] = []
    const mailer = openMailer(
      { ...settings, SMTP_URL },
      {
        info: () => {},
        error: () => {},
        warn: (_line, text) => {
          lines.push(text)
        },
      },
    )
    t.equal(lines.length, warns ? 1 : 0, SMTP_URL)
    await mailer.close(0)
  }
})

t.test(
  'without a server, mails are files below the working directory, and the log names them',
  async (t) => {
    const home = process.cwd()
    process.chdir(t.testdir())
    t.teardown(() => {
      process.chdir(home)
    })
    const paths: unknown[] = []
    const mailer = openMailer(
      { ...settings, SMTP_URL: '' },
      {
        info: (line) => {
          paths.push(line)
        },
        error: () => {},
        warn: () => {},
      },
    )
    const message = { to: 'ada@example.org', subject: 's', text: 't', html: 'h' }
    mailer.send({ kind: 'account deleted', to: message.to }, async () => message)
    await mailer.close(10_000)
    const [file] = readdirSync('data/outbox')
    t.strictSame(paths, [{ path: `data/outbox/${file}` }])
  },
)
