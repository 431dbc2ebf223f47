import t from 'tap'
import { createMailer, type MailRequest } from '../../src/mail/mailer.js'
import type { Message } from '../../src/mail/message.js'

const message = (to: string): Message => ({ to, subject: 's', text: 't', html: 'h' })
const request = (to = 'ada@example.org'): MailRequest => ({ kind: 'password reset', to })
const failure = (responseCode?: number) =>
  Object.assign(
    new Error('no'),
    responseCode === undefined ? {} : { responseCode, command: 'RCPT TO' },
  )
const settle = async (until: () => boolean) => {
  for (let i = 0; i < 1000 && !until(); i++)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
}

/** A mailer whose server fails as often as it is told to, and hangs when `hold` is set. */
function setUp({
  failures = [],
  firstWaitMilliseconds = 1,
  spreadMilliseconds,
}: { failures?: Error[]; firstWaitMilliseconds?: number; spreadMilliseconds?: number } = {}) {
  const seen = { delivered: [] as string[], tries: 0, closed: 0, most: 0, running: 0 }
  const state: { hold: Promise<void> | null } = { hold: null }
  const lines: Array<[string, object, string]> = []
  const mailer = createMailer({
    firstWaitMilliseconds,
    ...(spreadMilliseconds !== undefined && { spreadMilliseconds }),
    logger: {
      error: (line, text) => {
        lines.push(['error', line, text])
      },
      warn: (line, text) => {
        lines.push(['warn', line, text])
      },
    },
    transport: {
      deliver: async ({ to }) => {
        seen.tries++
        seen.most = Math.max(seen.most, ++seen.running)
        await state.hold
        seen.running--
        const error = failures.shift()
        if (error !== undefined) throw error
        seen.delivered.push(to)
      },
      close: () => {
        seen.closed++
      },
    },
  })
  return { mailer, seen, state, lines }
}

t.test('sends in the background', async (t) => {
  const { mailer, seen, lines } = setUp()
  mailer.send(request(), async () => message('a'))
  mailer.send(request(), async () => null)
  t.strictSame(seen.tries, 0, 'nothing has happened when the call is back')
  await mailer.close(5000)
  t.strictSame([seen.delivered, seen.tries, seen.closed, lines], [['a'], 1, 1, []])
})

t.test(
  'mails begin at random moments within the spread, and those that are early at the end',
  async (t) => {
    const draws = [0.9, 0.1, 0.5, 0.999]
    t.intercept(Math, 'random', { get: () => () => draws.shift() ?? 0 })
    const { mailer, seen, lines } = setUp({ spreadMilliseconds: 600 })
    for (const to of ['late', 'first', 'second']) mailer.send(request(), async () => message(to))
    await settle(() => seen.delivered.length === 3)
    t.strictSame(seen.delivered, ['first', 'second', 'late'], 'in the order of what was drawn')
    const far = setUp({ spreadMilliseconds: 1e9 })
    for (let i = 0; i < 610; i++)
      far.mailer.send(request(String(i)), async () => message(String(i)))
    t.strictSame([far.seen.tries, far.lines.length], [0, 10], 'the early ones count as waiting')
    const closing = far.mailer.close(10_000)
    far.mailer.send({ kind: 'sign-up', to: 'a' }, async () => message('while closing'))
    await closing
    t.equal(far.seen.delivered.length, 601)
    await mailer.close(1000)
    t.strictSame(lines, [])
  },
)

t.test('what passes is tried again, also when the message cannot be written', async (t) => {
  const { mailer, seen, lines } = setUp({ failures: [failure(), failure(421)] })
  let written = 0
  mailer.send(request(), async () => {
    if (++written < 3) throw failure()
    return message('a')
  })
  await settle(() => seen.delivered.length > 0)
  t.strictSame([written, seen.tries, seen.delivered], [5, 3, ['a']])
  t.strictSame(
    lines.map(([level, line, text]) => [level, (line as { mail: string }).mail, text]),
    Array.from({ length: 4 }, () => ['warn', 'password reset', 'mail not sent yet, trying again']),
  )
  await mailer.close(0)
})

t.test(
  'what the server refuses for good, or seven times, is lost, and the log says so',
  async (t) => {
    for (const [failures, tries] of [
      [[failure(550)], 1],
      [Array.from({ length: 7 }, () => failure()), 7],
    ] as const) {
      const { mailer, seen, lines } = setUp({
        failures: [...failures],
        firstWaitMilliseconds: 0.01,
      })
      mailer.send(request(), async () => message('a'))
      await settle(() => lines.some(([level]) => level === 'error'))
      t.strictSame([seen.tries, seen.delivered], [tries, []])
      t.match(lines.at(-1), [
        'error',
        { mail: 'password reset', err: { message: 'no' } },
        'mail lost',
      ])
      await mailer.close(0)
    }
  },
)

t.test('a full queue loses the newest mails, and sends a few at once', async (t) => {
  const { mailer, seen, state, lines } = setUp()
  let free = () => {}
  state.hold = new Promise((resolve) => {
    free = resolve
  })
  for (let i = 0; i < 606; i++) mailer.send(request(String(i)), async () => message(String(i)))
  t.strictSame(
    lines.map(([level, , text]) => [level, text]),
    Array.from({ length: 6 }, () => ['error', 'mail lost: too many mails are waiting']),
  )
  t.strictSame(mailer.load(), { waiting: 596, inDelivery: 4, sent: 0, lost: 6 })
  free()
  await mailer.close(10_000)
  t.strictSame(
    seen.delivered.map(Number),
    Array.from({ length: 600 }, (_, i) => i),
  )
  t.equal(seen.most, 4)
})

t.test('closing waits a while, then says what is lost', async (t) => {
  const { mailer, seen, state, lines } = setUp()
  let cut = () => {}
  state.hold = new Promise((_resolve, reject) => {
    cut = () => {
      reject(new Error('the connection was closed'))
    }
  })
  for (let i = 0; i < 10; i++) mailer.send(request(String(i)), async () => message(String(i)))
  const begin = performance.now()
  await mailer.close(50)
  t.ok(performance.now() - begin < 5000)
  t.strictSame(
    [seen.delivered, seen.closed, lines],
    [
      [],
      1,
      [['error', { lost: 10 }, 'mails lost: the server shut down before they could be sent']],
    ],
  )
  mailer.send(request(), async () => message('x'))
  t.match(lines.at(-1), ['error', { mail: 'password reset' }, /mail lost/])
  cut()
  await settle(() => mailer.load().inDelivery === 0)
  t.equal(lines.length, 2, 'those that were under way then are not counted again')
})

t.test('closing retries failed mails at once, and does not wait for another retry', async (t) => {
  const { mailer, seen, lines } = setUp({
    failures: [failure(), failure(), failure()],
    firstWaitMilliseconds: 60_000,
  })
  const order: string[] = []
  for (const to of ['a', 'b'])
    mailer.send(request(to), async () => {
      order.push(to)
      return message(to)
    })
  await settle(() => lines.length === 2)
  // Four at once: what is begun by the close waits for its turn behind those.
  for (const to of ['c', 'd', 'e', 'f'])
    mailer.send(request(to), async () => {
      order.push(to)
      return null
    })
  const closing = mailer.close(50)
  for (const to of ['new', 'newer'])
    mailer.send(request(to), async () => {
      order.push(to)
      return null
    })
  await closing
  t.strictSame(
    order,
    ['a', 'b', 'c', 'd', 'e', 'f', 'a', 'new', 'b', 'newer'],
    'failed and new mails alternate',
  )
  t.strictSame(
    [seen.tries, seen.delivered, lines.at(-1)],
    [
      4,
      ['b'],
      ['error', { lost: 1 }, 'mails lost: the server shut down before they could be sent'],
    ],
  )
  t.strictSame(
    mailer.load(),
    { waiting: 0, inDelivery: 0, sent: 1, lost: 0 },
    'nothing is tried after the end',
  )
})

t.test('mails that wait to be tried again hold up nobody, and count as waiting', async (t) => {
  const { mailer, seen, lines } = setUp({
    failures: Array.from({ length: 4 }, () => failure(451)),
    firstWaitMilliseconds: 60_000,
  })
  for (let i = 0; i < 4; i++) mailer.send(request(), async () => message('away'))
  await settle(() => lines.length === 4)
  mailer.send(request(), async () => message('good'))
  await settle(() => seen.delivered.length > 0)
  t.strictSame(seen.delivered, ['good'])
  t.strictSame(mailer.load(), { waiting: 4, inDelivery: 0, sent: 1, lost: 0 })
  for (let i = 0; i < 596; i++) mailer.send(request(String(i)), async () => null)
  t.strictSame(lines.filter(([level]) => level === 'error').length, 0)
  mailer.send(request(), async () => null)
  t.match(lines.at(-1), ['error', {}, 'mail lost: too many mails are waiting'])
  await mailer.close(10_000)
  t.equal(seen.delivered.length, 5)
})

t.test('a burst from one account delays the mail of another by one turn', async (t) => {
  const { mailer, state } = setUp()
  let free = () => {}
  state.hold = new Promise((resolve) => {
    free = resolve
  })
  const order: string[] = []
  for (let i = 0; i < 20; i++)
    mailer.send({ kind: 'e-mail change', to: `${i}@new.example`, account: 'thief' }, async () => {
      order.push('thief')
      return message('a')
    })
  for (const to of ['ada', 'bob'])
    mailer.send(request(to), async () => {
      order.push(to)
      return message(to)
    })
  free()
  await mailer.close(5000)
  t.strictSame(
    order.slice(0, 7),
    ['thief', 'thief', 'thief', 'thief', 'thief', 'ada', 'bob'],
    'the first four found free connections',
  )
  t.equal(order.length, 22)
})

t.test('a mail gives its place back when it was sent, was not needed, or is lost', async (t) => {
  const { mailer, seen, lines } = setUp({ failures: [failure(550)] })
  for (let i = 0; i < 15; i++) {
    mailer.send(request(), async () => (i % 5 === 1 ? null : message('a')))
    await settle(() => mailer.load().inDelivery === 0)
  }
  t.strictSame([seen.delivered.length, lines.map(([, , text]) => text)], [11, ['mail lost']])
  await mailer.close(0)
})

t.test('a mail that is retried keeps its place', async (t) => {
  const { mailer, lines } = setUp({
    failures: Array.from({ length: 5 }, () => failure(451)),
    firstWaitMilliseconds: 60_000,
  })
  for (let i = 0; i < 5; i++) mailer.send(request(), async () => message('a'))
  await settle(() => lines.length === 5)
  mailer.send(request(), async () => message('a'))
  t.match(lines.at(-1), [
    'error',
    { mail: 'password reset' },
    'mail lost: too many mails of this kind to this address are waiting',
  ])
  await mailer.close(0)
})
