import t from 'tap'
import { isRefusedForGood } from '../../src/mail/refusals.js'

/** Command, reply, and whether the mail is refused for good. */
const cases: Array<[command: string | undefined, reply: string | undefined, isFinal: boolean]> = [
  [undefined, undefined, false],
  ['CONN', undefined, false],
  ['CONN', '421 4.3.2 try later', false],
  ['CONN', '554 no SMTP service here', false],
  ['CONN', '521 5.3.2 this host accepts no mail', false],
  ['EHLO', '421 too busy', false],
  ['HELO', '550 5.7.1 bad helo name', false],
  ['STARTTLS', '454 4.7.0 TLS not available', false],
  ['STARTTLS', '502 5.5.1 not implemented', false],
  ...['PLAIN', 'LOGIN', 'CRAM-MD5'].flatMap((method) =>
    [
      '454 4.7.0 later',
      '530 5.7.0 TLS first',
      '534 5.7.9 too weak',
      '535 5.7.8 bad credentials',
      '538 5.7.11 encryption needed',
      '550 no',
    ].map((reply): [string, string, boolean] => [`AUTH ${method}`, reply, false]),
  ),
  ['MAIL FROM', '421 4.7.0 too many connections', false],
  ['MAIL FROM', '452 4.3.1 no storage', false],
  ['MAIL FROM', '530 5.7.0 authentication required', false],
  ['MAIL FROM', '550 5.1.8 bad sender', false],
  ['MAIL FROM', '552 5.3.4 message too big', false],
  ['MAIL FROM', '553 5.7.1 sender not owned', false],
  ['RCPT TO', '450 4.2.1 greylisted', false],
  ['RCPT TO', '503 5.5.1 MAIL first', false],
  ['RCPT TO', '503 MAIL first', false],
  ['RCPT TO', '530 5.7.0 STARTTLS first', false],
  ['RCPT TO', '550 no such mailbox', true],
  ['RCPT TO', '550 5.1.1 no such mailbox', true],
  ['RCPT TO', '550-5.1.1 no such mailbox\n550 5.1.1 really', true],
  ['RCPT TO', '553 5.1.3 bad address', true],
  ['RCPT TO', '550 5.1.8 bad sender', false],
  ['RCPT TO', '552 5.2.2 mailbox full', true],
  ['RCPT TO', '550 5.4.5 daily sending quota exceeded', false],
  ['RCPT TO', '554 5.7.1 relay access denied', false],
  ['RCPT TO', '556 5.1.10 null MX', true],
  ['DATA', '421 shutting down', false],
  ['DATA', '451 4.3.0 local error', false],
  ['DATA', '503 no valid recipients', false],
  ['DATA', '550 5.4.5 daily sending quota exceeded', false],
  ['DATA', '552 5.3.4 message too big', true],
  ['DATA', '554 5.6.0 bad content', true],
  ['DATA', '554 5.7.1 looks like spam', true],
  ['DATA', '554 5.3.0 mail system full', false],
  ['DATA', '554 transaction failed', true],
]

t.test(
  'a 5xx reply about the receiver or the message is final, every other failure is retried',
  async (t) => {
    for (const [command, response, isFinal] of cases) {
      const details =
        response === undefined ? {} : { response, responseCode: Number(response.slice(0, 3)) }
      const error = Object.assign(
        new Error('no'),
        command === undefined ? {} : { command },
        details,
      )
      t.equal(isRefusedForGood(error), isFinal, `${command}: ${response}`)
    }
  },
)
