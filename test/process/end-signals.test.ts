import { EventEmitter } from 'node:events'
import t from 'tap'
import {
  createEndSignals,
  type EndSignal,
  type SignalSource,
} from '../../src/process/end-signals.js'
import { nodeProblem } from '../../src/process/node-version.js'
import { type Case, tableIs } from '../support/table.js'

/** A process whose signals and clock the test sends. */
function fakeProcess() {
  const log: string[] = []
  let time = 0
  const source = Object.assign(new EventEmitter(), {
    exit: (code: number) => log.push(`exit ${code}`),
  })
  return {
    log,
    source: source as SignalSource,
    now: () => time,
    send: (name: EndSignal, at: number) => {
      time = at
      source.emit(name, name)
    },
    handlers: {
      end: (name: EndSignal) => log.push(`end ${name}`),
      endNow: (name: EndSignal) => log.push(`end now ${name}`),
    },
  }
}

t.test('a signal twice within half a second is one request to end', async (t) => {
  const rows: Array<Case<Array<[EndSignal, number]>, string[]>> = [
    ['one', [['SIGTERM', 0]], ['end SIGTERM']],
    [
      'npm and the group',
      [
        ['SIGTERM', 7],
        ['SIGTERM', 9],
      ],
      ['end SIGTERM'],
    ],
    [
      'three at once',
      [
        ['SIGINT', 0],
        ['SIGINT', 1],
        ['SIGTERM', 500],
      ],
      ['end SIGINT'],
    ],
    [
      'impatient',
      [
        ['SIGINT', 0],
        ['SIGINT', 501],
      ],
      ['end SIGINT', 'end now SIGINT'],
    ],
    [
      'npm, then impatient',
      [
        ['SIGINT', 0],
        ['SIGINT', 2],
        ['SIGINT', 900],
        ['SIGINT', 902],
      ],
      ['end SIGINT', 'end now SIGINT', 'end now SIGINT'],
    ],
  ]
  const run = (signals: Array<[EndSignal, number]>) => {
    const { source, now, send, handlers, log } = fakeProcess()
    createEndSignals(source, now).handle(handlers)
    for (const [name, at] of signals) send(name, at)
    return log
  }
  await tableIs(t, rows, run, 'what the signals do')
})

t.test('before there is something to end, a signal exits', async (t) => {
  const { source, now, send, log } = fakeProcess()
  createEndSignals(source, now)
  send('SIGTERM', 0)
  t.strictSame(log, ['exit 0'])
})

t.test('ignored signals do nothing and are not the first', async (t) => {
  const { source, now, send, handlers, log } = fakeProcess()
  createEndSignals(source, now).handle({ ...handlers, ignored: ['SIGINT'] })
  send('SIGINT', 0)
  send('SIGTERM', 1000)
  send('SIGINT', 2000)
  t.strictSame(log, ['end SIGTERM'])
})

t.test('a command leaves its signals alone, and measures time by itself', async (t) => {
  const before = process.listenerCount('SIGTERM')
  createEndSignals(null).handle(fakeProcess().handlers)
  t.equal(process.listenerCount('SIGTERM'), before)
  const { source, send, handlers, log } = fakeProcess()
  createEndSignals(source).handle(handlers)
  send('SIGTERM', 0)
  send('SIGTERM', 0)
  t.strictSame(log, ['end SIGTERM'])
})

t.test('an old Node.js is told which one is needed', async (t) => {
  for (const version of ['20.19.0', '20.20.2', '22.0.0', '24.1.0', '100.0.0'])
    t.equal(nodeProblem(version), null, version)
  for (const version of ['20.18.3', '20.9.0', '18.20.8', '8.0.0'])
    t.equal(
      nodeProblem(version),
      `Latchkey needs Node.js 20.19 or newer. This is ${version}: install Node.js 22 or 24.`,
      version,
    )
})
