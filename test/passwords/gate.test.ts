import { setImmediate as settle } from 'node:timers/promises'
import { mock } from 'node:test'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createHashGate, type Turn } from '../../src/passwords/gate.js'

mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => {
  mock.timers.reset()
})

/** A gate whose work ends when it is told to, and a record of what happens to whom. */
function gateFor({ concurrency = 1, queueMilliseconds = 1000 } = {}) {
  const time = { now: 0 }
  const running = new Map<string, { end: () => void; fail: () => void }>()
  const events: string[] = []
  const most = { running: 0 }
  const gate = createHashGate({ concurrency, queueMilliseconds, now: () => time.now })
  const work = (name: string) => async () =>
    await new Promise<string>((resolve, reject) => {
      const stop = (end: () => void) => () => {
        running.delete(name)
        end()
      }
      running.set(name, {
        end: stop(() => {
          resolve(name)
        }),
        fail: stop(() => {
          reject(new Error(name))
        }),
      })
      events.push(name)
      most.running = Math.max(most.running, running.size)
    })
  const come = (
    name: string,
    {
      signal = null,
      body,
      network = '',
    }: {
      signal?: AbortSignal | null
      body?: (turn: Turn) => Promise<string>
      network?: string
    } = {},
  ) => {
    gate.enter(signal, body ?? (async (turn) => await turn(work(name))), network).then(
      (answer) => events.push(`${answer} ok`),
      (error: unknown) => {
        events.push(
          error instanceof Problem
            ? `${name} ${error.code} ${error.extras.waitSeconds ?? '-'}`
            : `${name} ${String(error)}`,
        )
      },
    )
  }
  return {
    gate,
    work,
    come,
    most,
    /** What has happened since the last look. */
    events: async () => {
      await settle()
      return events.splice(0)
    },
    /** Ends a running piece of work, after a time. */
    end: async (
      name: string,
      { after = 0, by = 'end' }: { after?: number; by?: 'end' | 'fail' } = {},
    ) => {
      time.now += after
      running.get(name)?.[by]()
      await settle()
    },
    /** Lets the gate learn what a hash takes. */
    learn: async (milliseconds: number) => {
      const done = gate.enter(null, async (turn) => {
        await turn(async () => {
          time.now += milliseconds
        })
      })
      await done
    },
  }
}

await t.test('no more at once than there are permits, first come first served', async (t) => {
  const { come, events, end, most, gate } = gateFor({ concurrency: 2 })
  for (const name of ['a', 'b', 'c', 'd', 'e']) come(name)
  t.strictSame(await events(), ['a', 'b'])
  t.strictSame(gate.load(), { inUse: 2, waiting: 3, shed: 0 })
  await end('b')
  t.strictSame((await events()).sort(), ['b ok', 'c'], 'the permit goes over at once')
  for (const name of ['a', 'c', 'd', 'e']) await end(name)
  t.strictSame(
    (await events()).filter((event) => !event.endsWith('ok')),
    ['d', 'e'],
  )
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
  t.equal(most.running, 2)
})

await t.test('work that fails gives its permit back', async (t) => {
  const { come, events, end, gate } = gateFor()
  for (const name of ['a', 'b']) come(name)
  await end('a', { by: 'fail' })
  t.strictSame((await events()).sort(), ['a', 'a Error: a', 'b'])
  await end('b')
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
})

await t.test(
  'who would wait too long is refused on arrival, with the time until there should be room',
  async (t) => {
    const rows: Array<
      [
        concurrency: number,
        queueMilliseconds: number,
        takes: number,
        served: number,
        waitSeconds: number,
      ]
    > = [
      [1, 1000, 100, 11, 2],
      [2, 1000, 100, 22, 2],
      [4, 250, 100, 14, 1],
      [1, 0, 100, 1, 1],
      [3, 0, 100, 3, 1],
      [1, 99, 100, 1, 1],
      [1, 100, 100, 2, 1],
      [1, 1000, 7000, 1, 7],
      [2, 6000, 2500, 6, 7],
    ]
    for (const [concurrency, queueMilliseconds, takes, served, waitSeconds] of rows) {
      const { come, learn, events, gate, end } = gateFor({ concurrency, queueMilliseconds })
      await learn(takes)
      const names = Array.from({ length: served + 3 }, (_, index) => String(index))
      for (const name of names) come(name)
      const expected = [
        ...names.slice(0, concurrency),
        ...names.slice(served).map((name) => `${name} overloaded ${waitSeconds}`),
      ]
      t.strictSame(
        (await events()).sort(),
        expected.sort(),
        `${concurrency} at once, ${queueMilliseconds} ms, ${takes} ms each`,
      )
      t.strictSame(gate.load(), { inUse: concurrency, waiting: served - concurrency, shed: 3 })
      await end('0', { after: takes })
      come('again')
      t.strictSame(
        (await events()).filter((event) => event.startsWith('again over')),
        [],
        'there is room for one again',
      )
    }
  },
)

await t.test('what a hash takes follows the times that are measured', async (t) => {
  const { come, learn, events, gate } = gateFor({ queueMilliseconds: 1000 })
  const takenIn = async () => {
    const before = gate.load()
    for (let index = 0; index < 2000; index++) come('x')
    await events()
    return gate.load().waiting - before.waiting
  }
  await learn(1000)
  for (let index = 0; index < 60; index++) await learn(10)
  const count = await takenIn()
  t.ok(count > 85 && count <= 100, `${count} wait for 10 ms each`)
})

await t.test(
  'a gate that never hashed yet takes everybody in, and throws out who waited too long',
  async (t) => {
    const { come, events, end, gate } = gateFor({ queueMilliseconds: 1000 })
    for (const name of ['a', 'b']) come(name)
    mock.timers.tick(600)
    come('c')
    mock.timers.tick(399)
    t.strictSame(await events(), ['a'])
    mock.timers.tick(1)
    t.strictSame(await events(), ['b overloaded 1'])
    await end('a')
    t.strictSame((await events()).sort(), ['a ok', 'c'])
    mock.timers.tick(10_000)
    t.strictSame(await events(), [], 'work that runs takes its time')
    t.strictSame(gate.load(), { inUse: 1, waiting: 0, shed: 1 })
  },
)

await t.test('a client that hangs up', async (t) => {
  const { come, events, end, gate } = gateFor()
  const clients = new Map(['a', 'b', 'c', 'd'].map((name) => [name, new AbortController()]))
  for (const [name, { signal }] of clients) come(name, { signal })
  await events()
  await t.test('frees its place in the queue', async (t) => {
    clients.get('b')?.abort()
    t.strictSame(await events(), ['b overloaded -'])
    t.strictSame(gate.load(), { inUse: 1, waiting: 2, shed: 0 }, 'nobody was refused')
  })
  await t.test('keeps the permit of what runs until it ends', async (t) => {
    clients.get('a')?.abort()
    t.strictSame(await events(), [])
    t.strictSame(gate.load(), { inUse: 1, waiting: 2, shed: 0 })
    await end('a')
    t.strictSame((await events()).sort(), ['a ok', 'c'])
  })
  await t.test('before its turn is not served', async (t) => {
    come('a', { signal: AbortSignal.abort() })
    const late = new AbortController()
    come('e', {
      signal: late.signal,
      body: async (turn) => {
        late.abort()
        return await turn(async () => 'e')
      },
    })
    t.strictSame((await events()).sort(), ['a overloaded -', 'e overloaded -'])
    t.strictSame(gate.load(), { inUse: 1, waiting: 1, shed: 0 })
    clients.get('c')?.abort()
    await end('c')
    t.strictSame((await events()).sort(), ['c ok', 'd'])
  })
})

await t.test(
  'a request keeps its place while it looks something up, and goes on before newcomers',
  async (t) => {
    const { come, work, learn, events, end, gate } = gateFor({ queueMilliseconds: 100 })
    await learn(100)
    let found = () => {}
    const lookUp = new Promise<void>((resolve) => {
      found = resolve
    })
    come('a', {
      body: async (turn) => {
        await lookUp
        await turn(work('a1'))
        return await turn(work('a2'))
      },
    })
    come('b')
    come('c')
    t.strictSame(
      await events(),
      ['b', 'c overloaded 1'],
      'b uses the permit meanwhile; c would be the third',
    )
    found()
    await end('b', { after: 100 })
    t.strictSame((await events()).sort(), ['a1', 'b ok'])
    come('d')
    await end('a1', { after: 100 })
    t.strictSame(await events(), ['d'], 'd waited already when a came back')
    come('e')
    t.strictSame(await events(), ['e overloaded 1'])
    mock.timers.tick(10_000)
    await end('d', { after: 100 })
    t.strictSame((await events()).sort(), ['a2', 'd ok'], 'a is not thrown out')
    await end('a2')
    t.strictSame(await events(), ['a2 ok'])
    t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 2 })
  },
)

await t.test('those who go on keep their order, before everybody else', async (t) => {
  const { come, work, events, end } = gateFor({ concurrency: 2, queueMilliseconds: 5000 })
  for (const name of ['a', 'b'])
    come(name, {
      body: async (turn) => {
        await turn(work(`${name}1`))
        await settle()
        return await turn(work(`${name}2`))
      },
    })
  for (const name of ['c', 'd', 'e', 'f']) come(name)
  t.strictSame(await events(), ['a1', 'b1'])
  for (const name of ['a1', 'b1']) await end(name)
  await events()
  for (const name of ['c', 'd']) await end(name)
  t.strictSame(
    (await events()).filter((event) => !event.endsWith('ok')),
    ['a2', 'b2'],
  )
  for (const name of ['a2', 'b2']) await end(name)
  t.strictSame(
    (await events()).filter((event) => !event.endsWith('ok')),
    ['e', 'f'],
  )
})

await t.test('a request that never hashes leaves its place', async (t) => {
  const { come, learn, events, gate } = gateFor({ queueMilliseconds: 0 })
  await learn(100)
  for (const name of ['a', 'b']) {
    come(name, {
      body: async () => {
        throw new Error('no such account')
      },
    })
    t.strictSame(await events(), [`${name} Error: no such account`])
  }
  come('c')
  t.strictSame(await events(), ['c'])
  t.strictSame(gate.load(), { inUse: 1, waiting: 0, shed: 0 })
})
