import { mock } from 'node:test'
import { setImmediate as settle } from 'node:timers/promises'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createHashGate, type Turn } from '../../src/passwords/gate.js'

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => {
  mock.timers.reset()
})

/** A gate whose work ends when it is told to, and who began in which order. */
function gateFor({ concurrency = 1, queueMilliseconds = 1000 } = {}) {
  const time = { now: 0 }
  const begun: string[] = []
  const refused: string[] = []
  const ends: Array<() => void> = []
  const gate = createHashGate({ concurrency, queueMilliseconds, now: () => time.now })
  const work = (name: string) => async () =>
    await new Promise<void>((resolve) => {
      begun.push(name)
      ends.push(resolve)
    })
  const come = (
    network: string,
    {
      signal = null,
      body,
    }: { signal?: AbortSignal | null; body?: (turn: Turn) => Promise<void> } = {},
  ) => {
    gate
      .enter(
        signal,
        body ??
          (async (turn) => {
            await turn(work(network))
          }),
        network,
      )
      .catch((error: unknown) => {
        if (!(error instanceof Problem && error.code === 'overloaded')) t.bailout(String(error))
        refused.push(network)
      })
  }
  return {
    gate,
    time,
    work,
    come,
    begun,
    refused,
    /** Lets time pass. */
    pass: async (milliseconds: number) => {
      time.now += milliseconds
      mock.timers.tick(milliseconds)
      await settle()
    },
    /** Ends the oldest running work, again and again. */
    end: async (times: number) => {
      for (let count = 0; count < times; count++) {
        ends.shift()?.()
        await settle()
      }
    },
    learn: async (milliseconds: number) => {
      await gate.enter(null, async (turn) => {
        await turn(async () => {
          time.now += milliseconds
        })
      })
    },
  }
}

t.test('networks take turns', async (t) => {
  const { come, begun, end, gate } = gateFor()
  for (let count = 0; count < 6; count++) come('flood')
  for (const network of ['ada', 'bob', 'ada']) come(network)
  await end(9)
  t.strictSame(begun, ['flood', 'ada', 'flood', 'bob', 'ada', 'flood', 'flood', 'flood', 'flood'])
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
})

t.test('a network whose work runs comes after one that has none', async (t) => {
  const { come, begun, end } = gateFor({ concurrency: 3 })
  for (let count = 0; count < 8; count++) come('flood')
  come('ada')
  come('bob')
  await end(1)
  t.strictSame(begun.slice(3), ['ada'])
  await end(1)
  t.strictSame(begun.slice(4), ['bob'])
})

t.test('a network that floods is refused by its own wait, and others are served', async (t) => {
  const { come, begun, refused, end, learn, gate } = gateFor({
    concurrency: 2,
    queueMilliseconds: 500,
  })
  await learn(100)
  for (let count = 0; count < 1000; count++) come('flood')
  await settle()
  t.strictSame([begun.length, gate.load().waiting, refused.length], [2, 10, 988])
  t.throws(
    () => {
      gate.requireRoom('flood')
    },
    { code: 'overloaded' },
  )
  for (let count = 0; count < 5; count++) {
    t.doesNotThrow(() => {
      gate.requireRoom(`stranger ${count}`)
    })
    come(`stranger ${count}`)
  }
  await end(6)
  t.strictSame(begun.slice(2), [
    'stranger 0',
    'stranger 1',
    'flood',
    'stranger 2',
    'stranger 3',
    'stranger 4',
  ])
})

t.test('many networks together are bounded by the wait of the next', async (t) => {
  const { come, learn, refused, gate } = gateFor({ concurrency: 1, queueMilliseconds: 1000 })
  await learn(100)
  for (let count = 0; count < 1000; count++) come(`network ${count}`)
  await settle()
  t.strictSame([gate.load().waiting, refused.length], [10, 989])
})

t.test('places that were promised count for their network', async (t) => {
  const { come, learn, refused, gate } = gateFor({ queueMilliseconds: 250 })
  await learn(100)
  const never = async () => await new Promise<void>(() => {})
  for (let count = 0; count < 10; count++) come('flood', { body: never })
  await settle()
  t.equal(refused.length, 7)
  t.doesNotThrow(() => {
    gate.requireRoom('ada')
  })
})

t.test('a client that hangs up frees its place, and nothing of its network is kept', async (t) => {
  const { come, begun, end, gate } = gateFor()
  const hangUp = new AbortController()
  come('flood')
  come('gone', { signal: hangUp.signal })
  come('ada')
  hangUp.abort()
  await end(3)
  t.strictSame(begun, ['flood', 'ada'])
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
})

t.test('a later turn goes before the first turns of every network', async (t) => {
  const { come, begun, work, end } = gateFor()
  come('ada', {
    body: async (turn) => {
      await turn(work('first'))
      await turn(work('second'))
    },
  })
  for (const network of ['bob', 'eve']) come(network)
  await end(1)
  await end(3)
  t.strictSame(begun, ['first', 'bob', 'second', 'eve'])
})

t.test('a client that hangs up while its later turn waits frees that', async (t) => {
  const { come, begun, refused, work, end, gate } = gateFor()
  const hangUp = new AbortController()
  come('ada', {
    signal: hangUp.signal,
    body: async (turn) => {
      await turn(work('first'))
      await turn(work('second'))
    },
  })
  come('bob')
  await end(1)
  hangUp.abort()
  await end(2)
  t.strictSame([begun, refused], [['first', 'bob'], ['ada']])
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
})

t.test('a network without neighbours gets every permit', async (t) => {
  const { come, begun, end, pass } = gateFor({ concurrency: 4 })
  for (let count = 0; count < 8; count++) come('office')
  await pass(100)
  await end(4)
  t.equal(begun.length, 8)
  await end(4)
})

t.test('permits stay free for others while they call', async (t) => {
  const { come, begun, end, pass, gate } = gateFor({ concurrency: 4 })
  come('ada')
  await end(1)
  for (let count = 0; count < 3; count++) come('flood')
  await settle()
  t.strictSame(begun, ['ada', 'flood'])
  t.strictSame(gate.load(), { inUse: 1, waiting: 2, shed: 0 })
  for (const network of ['bob', 'eve', 'ada']) come(network)
  t.strictSame(begun.slice(2), ['bob', 'eve', 'ada'], 'at once')
  await pass(100)
  await end(4)
  t.strictSame(begun.slice(5), ['flood'], 'one after the other')
  await end(1)
  t.strictSame(begun.slice(6), ['flood'])
  await end(1)
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
})

t.test('the permits of a flood that runs come free for neighbours that arrive', async (t) => {
  const { come, begun, end } = gateFor({ concurrency: 2 })
  for (let count = 0; count < 4; count++) come('flood')
  for (const network of ['ada', 'bob']) come(network)
  await end(4)
  t.strictSame(begun, ['flood', 'flood', 'ada', 'bob', 'flood'])
  come('eve')
  t.strictSame(begun.slice(5), ['eve'])
  await end(3)
})

for (const [concurrency, took] of [
  [1, 300],
  [2, 700],
] as const)
  t.test(`with ${concurrency} at once, a network rests 100 ms after ${took}`, async (t) => {
    const { come, begun, end, pass, gate } = gateFor({ concurrency, queueMilliseconds: 60_000 })
    come('ada')
    await end(1)
    for (let count = 0; count < 3; count++) come('flood')
    await pass(took)
    await end(1)
    t.strictSame([begun.slice(1), gate.load().waiting], [['flood'], 2])
    await pass(99)
    t.equal(begun.length, 2)
    come('ada')
    t.strictSame(begun.slice(2), ['ada'], 'others do not rest with it')
    await end(1)
    await pass(1)
    t.strictSame(begun.slice(3), ['flood'], 'work that waits begins by itself')
    await pass(took)
    await end(1)
    await pass(2100)
    t.strictSame(begun.slice(4), ['flood'])
    await end(1)
    t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
  })

t.test('a rest ends also while other work of its network runs', async (t) => {
  const { come, begun, end, pass } = gateFor({ concurrency: 16, queueMilliseconds: 60_000 })
  come('ada')
  await end(1)
  for (let count = 0; count < 7; count++) come('flood')
  await pass(5000)
  await end(3)
  t.equal(begun.length, 7)
  await pass(499)
  t.equal(begun.length, 7)
  await pass(1)
  t.equal(begun.length, 8)
  await end(4)
})

t.test('a client that hangs up while its network rests is forgotten', async (t) => {
  const { come, begun, end, pass, gate } = gateFor()
  const hangUp = new AbortController()
  come('ada')
  await end(1)
  come('flood')
  come('flood', { signal: hangUp.signal })
  await pass(400)
  await end(1)
  hangUp.abort()
  await pass(1000)
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
  come('flood')
  t.strictSame(begun, ['ada', 'flood', 'flood'], 'it has rested')
  await end(1)
})

t.test('a network that becomes alone begins at once, in its order', async (t) => {
  const { come, begun, end, pass, time } = gateFor({ queueMilliseconds: 60_000 })
  come('ada')
  await end(1)
  come('flood')
  await pass(5000)
  await end(1)
  come('flood')
  time.now = 10_001
  come('flood')
  await settle()
  t.equal(begun.length, 3)
  await end(1)
  t.equal(begun.length, 4)
  await end(1)
})

t.test('a later turn does not rest, and its network rests longer for it', async (t) => {
  const { come, begun, work, end, pass } = gateFor({ concurrency: 2 })
  come('ada')
  await end(1)
  come('flood', {
    body: async (turn) => {
      await turn(work('first'))
      await turn(work('second'))
    },
  })
  await pass(350)
  await end(1)
  t.strictSame(begun.slice(1), ['first', 'second'])
  come('flood')
  await pass(350)
  await end(1)
  await pass(99)
  t.equal(begun.length, 3)
  await pass(1)
  t.strictSame(begun.slice(3), ['flood'])
  await end(1)
})

t.test('a network that would rest too long is refused with the time that it takes', async (t) => {
  const { come, learn, refused, gate, end } = gateFor({ queueMilliseconds: 1000 })
  await learn(1000)
  come('ada')
  await end(1)
  come('flood')
  t.throws(
    () => {
      gate.requireRoom('flood')
    },
    { code: 'overloaded', extras: { waitSeconds: 5 } },
  )
  t.doesNotThrow(() => {
    gate.requireRoom('bob')
  })
  await end(1)
  t.strictSame(refused, [])
})
