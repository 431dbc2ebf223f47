import { mock } from 'node:test'
import { setImmediate as settle } from 'node:timers/promises'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createFairQueue } from '../../src/passwords/fair-queue.js'
import { createHashGate } from '../../src/passwords/gate.js'
import { createNeighbours } from '../../src/passwords/pace.js'

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => {
  mock.timers.reset()
})

/** A queue whose work ends when it is told to, and what has begun and ended. */
function queueFor(places: number) {
  const events: string[] = []
  const running: Array<{ end: () => void; fail: () => void }> = []
  const time = { now: 0 }
  const now = () => time.now
  const queue = createFairQueue(places, createNeighbours(now), now)
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
    time,
    /** What has happened since the last look. */
    events: async () => {
      await settle()
      return events.splice(0)
    },
    /** Lets time pass. */
    pass: (milliseconds: number) => {
      time.now += milliseconds
      mock.timers.tick(milliseconds)
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

t.test('two networks do not take one place from each other in turn', async (t) => {
  const { ask, events } = queueFor(3)
  for (let index = 0; index < 3; index++) ask('greedy', `g${index}`)
  ask('a', 'a0')
  await events()
  ask('a', 'a1')
  t.strictSame(await events(), ['a1 overloaded'], 'with it, the newcomer would have the most')
})

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

t.test('beside others a network rests after much work', async (t) => {
  const { ask, events, next, pass } = queueFor(4)
  ask('ada', 'a0')
  await events()
  await next()
  for (const name of ['g0', 'g1', 'g2']) ask('greedy', name)
  t.strictSame(await events(), ['g0'])
  pass(200)
  t.strictSame(await next(), [], 'idle, though others of the network wait')
  pass(399)
  ask('ada', 'a1')
  t.strictSame(await events(), ['a1'], 'another network begins at once')
  pass(1)
  t.strictSame(await events(), [], 'one at a time')
  t.strictSame(await next(), ['g1'])
})

t.test('work that rests begins by itself, and loses its place to others', async (t) => {
  const { ask, events, next, pass } = queueFor(2)
  const hangUp = new AbortController()
  ask('ada', 'a0')
  ask('greedy', 'g0')
  await events()
  await next()
  pass(200)
  await next()
  ask('greedy', 'g1', hangUp.signal)
  ask('greedy', 'g2')
  t.strictSame(await events(), [])
  for (const name of ['a1', 'a2']) ask('ada', name)
  t.strictSame(await events(), ['a1', 'g2 overloaded'])
  t.strictSame([await next(), await next()], [['a2'], []])
  pass(399)
  t.strictSame(await events(), [])
  hangUp.abort()
  ask('greedy', 'g3')
  t.strictSame(await events(), ['g1 overloaded'])
  pass(1)
  t.strictSame(await events(), ['g3'])
  await next()
})

t.test('a group of sign-ups beside others gets its hashes, however many at once', async (t) => {
  for (const concurrency of [1, 2, 4, 8]) {
    const time = { now: 0 }
    const now = () => time.now
    const neighbours = createNeighbours(now)
    const queue = createFairQueue(64, neighbours, now)
    const gate = createHashGate({ concurrency, queueMilliseconds: 1000, now, neighbours })
    const take = (milliseconds: number) => async () =>
      await new Promise<void>((resolve) => {
        setTimeout(resolve, milliseconds)
      })
    const signUp = async (network: string) => {
      await queue.run({ network }, take(10))
      await gate.enter(null, async (turn) => await turn(take(30)), network)
    }
    const all = Promise.allSettled(['ada', ...Array<string>(20).fill('school')].map(signUp))
    for (; time.now < 6000; time.now++) {
      mock.timers.tick(1)
      await settle()
    }
    const refused = (await all).filter(({ status }) => status === 'rejected')
    t.strictSame(refused, [], `${concurrency} at once`)
  }
})

t.test('nobody waits for more than half a minute', async (t) => {
  const { ask, events, next, pass } = queueFor(4)
  ask('greedy', 'g0')
  ask('greedy', 'g1')
  pass(1)
  ask('greedy', 'g2')
  pass(29_999)
  t.strictSame(await events(), ['g0', 'g1 overloaded'])
  t.strictSame(await next(), ['g2'], 'the place is free')
  pass(30_000)
  t.strictSame(await next(), [], 'work that has begun goes on')
  t.strictSame(await events(), [])
})

t.test('a network that rests begins by itself when it becomes alone', async (t) => {
  const { ask, events, next, pass } = queueFor(4)
  for (const name of ['ada', 'greedy']) ask(name, name)
  await events()
  await next()
  pass(4000)
  await next()
  ask('greedy', 'g1')
  pass(5999)
  t.strictSame(await events(), [])
  pass(1)
  t.strictSame(await events(), ['g1'])
  await next()
})

t.test('a network that becomes alone need not rest, and keeps its order', async (t) => {
  const { ask, events, next, pass, time } = queueFor(4)
  for (const name of ['ada', 'greedy']) ask(name, name)
  await events()
  await next()
  pass(4000)
  await next()
  ask('greedy', 'g1')
  time.now += 6001
  ask('greedy', 'g2')
  t.strictSame(await events(), ['g1'])
  pass(10)
  t.strictSame(await next(), ['g2'])
  await next()
})
