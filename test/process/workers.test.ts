import cluster from 'node:cluster'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { countWorkers, shareHashes, startWorkers } from '../../src/process/workers.js'
import { freePort } from '../support/cluster.js'

const pids = () => Object.values(cluster.workers ?? {}).map((worker) => worker?.process.pid)

/** Starts the program of the fixtures, and answers what was logged of it. */
async function start(t: Test, count: number, env: Record<string, string> = {}) {
  const port = String(await freePort())
  Object.assign(process.env, {
    WORKER_PORT: port,
    WORKER_FAILS: '',
    WORKER_STAYS: '',
    WORKER_CODE: '0',
    ...env,
  })
  const log: Array<Record<string, unknown>> = []
  const keep = (level: string) => (object: object, text: string) => {
    log.push({ level, ...object, text })
  }
  const workers = startWorkers({
    program: resolve('test/fixtures/worker.mjs'),
    count,
    logger: { info: keep('info'), error: keep('error') },
    pauseMilliseconds: 1,
  })
  t.teardown(() => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
  })
  const heard: unknown[] = []
  cluster.on('listening', (worker) => {
    heard.push(worker)
  })
  t.teardown(() => {
    cluster.removeAllListeners('listening')
  })
  const listening = async (count: number) => {
    while (heard.length < count) await wait(5)
  }
  return {
    workers,
    log,
    listening,
    ask: async (path = '/') =>
      Number(await (await fetch(`http://127.0.0.1:${port}${path}`)).text()),
  }
}

t.test('how many', async (t) => {
  t.strictSame(
    ['1', '7', 'auto'].map((WORKERS) => countWorkers({ WORKERS })),
    [1, 7, availableParallelism()],
  )
  t.strictSame(
    [
      ['1', 6],
      ['2', 6],
      ['4', 6],
      ['9', 6],
    ].map(([WORKERS, count]) =>
      shareHashes({ WORKERS: String(WORKERS), HASH_CONCURRENCY: Number(count) }),
    ),
    [6, 3, 1, 1],
    'hashes of each',
  )
})

t.test('they share a port, and one that ends is replaced', async (t) => {
  const { workers, log, listening, ask } = await start(t, 3)
  await listening(3)
  const first = pids()
  t.equal(new Set(first).size, 3)
  const served = new Set<number>()
  for (let call = 0; call < 1000 && served.size < 3; call++) served.add(await ask())
  t.strictSame([...served].sort(), [...first].sort(), 'each serves')
  for (const worker of Object.values(cluster.workers ?? {}))
    worker?.process.emit('error', new Error('a message could not be sent to it'))
  const crashed = await ask('/crash')
  await listening(4)
  t.equal(pids().length, 3)
  t.notOk(pids().includes(crashed))
  t.strictSame(log, [
    { level: 'info', workers: 3, text: 'workers started' },
    {
      level: 'error',
      worker: crashed,
      code: null,
      signal: 'SIGKILL',
      text: 'a worker ended and is being replaced',
    },
  ])
  const told = Promise.all(
    Object.values(cluster.workers ?? {}).map(
      async (worker) => await once(worker as NonNullable<typeof worker>, 'message'),
    ),
  )
  workers.signal('SIGHUP')
  t.strictSame(
    (await told).map(([message]) => message),
    ['SIGHUP', 'SIGHUP', 'SIGHUP'],
  )
  workers.stop()
  t.equal(await workers.ended, 0)
  t.strictSame(pids(), [])
})

t.test('one that cannot be started is tried again', async (t) => {
  const { workers, log, listening, ask } = await start(t, 2)
  await listening(2)
  cluster.settings.cwd = '/nowhere'
  await ask('/crash')
  while (log.length < 4) await wait(1)
  delete cluster.settings.cwd
  await listening(3)
  t.match(log.slice(2, 4), [
    { worker: undefined, err: { code: 'ENOENT' } },
    { worker: undefined, err: { code: 'ENOENT' } },
  ])
  t.equal(pids().filter((pid) => pid !== undefined).length, 2)
  workers.stop()
  t.equal(await workers.ended, 0)
})

t.test('when the first cannot serve, none does', async (t) => {
  const { workers, log } = await start(t, 3, { WORKER_FAILS: 'yes' })
  t.equal(await workers.ended, 1)
  t.strictSame([log, pids()], [[], []])
})

t.test('told to stop before the first serves', async (t) => {
  const { workers, log } = await start(t, 3)
  workers.stop()
  t.equal(await workers.ended, 0)
  t.strictSame(log, [])
})

t.test('told to stop while the second starts', async (t) => {
  const { workers, listening } = await start(t, 2)
  await listening(1)
  workers.stop()
  t.equal(await workers.ended, 0)
})

t.test('a signal to reload does not end one that starts', async (t) => {
  const { workers, log, listening } = await start(t, 2)
  workers.signal('SIGHUP')
  await listening(1)
  workers.signal('SIGHUP')
  await listening(2)
  t.strictSame(log, [{ level: 'info', workers: 2, text: 'workers started' }])
  workers.stop()
  t.equal(await workers.ended, 0)
})

t.test('one that ends badly is told by the exit code', async (t) => {
  const { workers, listening } = await start(t, 2, { WORKER_CODE: '5' })
  await listening(2)
  workers.stop()
  t.equal(await workers.ended, 1)
})

t.test(
  'the second word ends those that do not listen, and the place of one that ended stays empty',
  async (t) => {
    const { workers, listening, ask } = await start(t, 2, { WORKER_STAYS: 'yes' })
    await listening(2)
    const left = once(cluster, 'exit')
    await ask('/crash')
    await left
    workers.stop()
    t.equal(await Promise.race([workers.ended, wait(100).then(() => 'waits')]), 'waits')
    workers.stop()
    t.equal(await workers.ended, 1)
    t.strictSame(pids(), [])
  },
)
