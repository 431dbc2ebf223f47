import { setImmediate as settle } from 'node:timers/promises'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createFairQueue } from '../../src/passwords/fair-queue.js'

/** A queue whose work ends when it is told to, and what has begun and ended. */
function queueFor(places: number) {
  const events: string[] = []
  const running: Array<{ end: () => void; fail: () => void }> = []
  const queue = createFairQueue(places)
  const ask = (network: string, name: string, signal?: AbortSignal) => {
    queue
      .run(
        { network, signal: signal ?? null },
        async () =>
          await new Promise<string>((resolve, reject) => {
            events.push(name)
            running.push({
              end: () => {
                resolve(name)
              },
              fail: () => {
                reject(new Error(name))
              },
            })
          }),
      )
      .then(
        (value) => events.push(`${value} ok`),
        (error: unknown) =>
          events.push(`${name} ${error instanceof Problem ? error.code : String(error)}`),
      )
  }
  return {
    ask,
    /** What has happened since the last look. */
    events: async () => {
      await settle()
      return events.splice(0)
    },
    /** Ends what runs, and answers what begins then. */
    next: async (by: 'end' | 'fail' = 'end') => {
      t.equal(running.length, 1, 'one at a time')
      running.pop()?.[by]()
      await settle()
      return events.splice(0).filter((event) => !event.endsWith(' ok'))
    },
  }
}

t.test('one piece of work runs at a time, first come first served', async (t) => {
  const { ask, events, next } = queueFor(10)
  for (const name of ['a', 'b', 'c']) ask('one', name)
  t.strictSame(await events(), ['a'])
  t.strictSame([await next(), await next('fail'), await next()], [['b'], ['b Error: b', 'c'], []])
  ask('one', 'd')
  t.strictSame(await events(), ['d'], 'an idle queue begins at once')
})

t.test('networks take turns, however much one of them asks for', async (t) => {
  const { ask, events, next } = queueFor(100)
  for (let index = 0; index < 50; index++) ask('greedy', `g${index}`)
  for (const name of ['a', 'b']) ask(name, `${name}0`)
  ask('a', 'a1')
  t.strictSame(await events(), ['g0'])
  const begun: string[][] = []
  for (let index = 0; index < 7; index++) begun.push(await next())
  t.strictSame(begun.flat(), ['g1', 'a0', 'b0', 'g2', 'a1', 'g3', 'g4'])
})

t.test(
  'a full queue gives a place of the network with most places to one with fewer',
  async (t) => {
    const { ask, events, next } = queueFor(4)
    for (let index = 0; index < 6; index++) ask('greedy', `g${index}`)
    t.strictSame(
      await events(),
      ['g0', 'g5 overloaded'],
      'alone it may have all places, and no more',
    )
    ask('a', 'a0')
    t.strictSame(await events(), ['g4 overloaded'], 'its newest gives way')
    ask('a', 'a1')
    t.strictSame(await events(), ['g3 overloaded'])
    ask('a', 'a2')
    ask('greedy', 'g6')
    t.strictSame(
      await events(),
      ['a2 overloaded', 'g6 overloaded'],
      'two each: nobody has more than the newcomer would have',
    )
    ask('b', 'b0')
    t.strictSame((await events()).length, 1, 'a third network gets a place too')
    const begun: string[][] = []
    for (let index = 0; index < 5; index++) begun.push(await next())
    t.match(begun.flat().join(), /^g1,a0,b0,/)
  },
)

t.test('a client that hangs up frees its place; work that runs continues', async (t) => {
  const { ask, events, next } = queueFor(1)
  const clients = Array.from({ length: 3 }, () => new AbortController()) as [
    AbortController,
    AbortController,
    AbortController,
  ]
  clients.forEach(({ signal }, index) => {
    ask('one', String(index), signal)
  })
  t.strictSame(await events(), ['0', '2 overloaded'])
  clients[0].abort()
  t.strictSame(await events(), [])
  clients[1].abort()
  t.strictSame(await events(), ['1 overloaded'])
  ask('one', '3')
  ask('one', '4', AbortSignal.abort())
  t.strictSame(await events(), ['4 overloaded'])
  t.strictSame([await next(), await next()], [['3'], []])
})

t.test('the network with most places loses one, wherever it stands in the round', async (t) => {
  const { ask, events, next } = queueFor(4)
  ask('a', 'a0')
  ask('a', 'a1')
  for (let index = 0; index < 3; index++) ask('greedy', `g${index}`)
  ask('b', 'b0')
  t.strictSame(await events(), ['a0', 'g2 overloaded'])
  const { signal } = new AbortController()
  t.strictSame([await next(), await next(), await next(), await next()].flat(), [
    'a1',
    'g0',
    'b0',
    'g1',
  ])
  ask('a', 'last', signal)
  t.strictSame(await next(), ['last'], 'a client that stays is served')
})
