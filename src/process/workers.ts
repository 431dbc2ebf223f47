import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../config.js'

/** How many processes serve: WORKERS, where `auto` is one for each core. */
export function countWorkers({ WORKERS }: Pick<Config, 'WORKERS'>): number {
  return WORKERS === 'auto' ? availableParallelism() : Number(WORKERS)
}

/**
 * How many hashes each process may compute at once, so that all together keep to
 * HASH_CONCURRENCY: one at least.
 */
export function shareHashes(config: Pick<Config, 'WORKERS' | 'HASH_CONCURRENCY'>): number {
  return Math.max(1, Math.floor(config.HASH_CONCURRENCY / countWorkers(config)))
}

/** Several processes that serve one port. */
export interface Workers {
  /**
   * Resolves when all have ended: 0 if each did so in order, 1 otherwise, and when the very
   * first could not serve.
   */
  ended: Promise<number>
  /** Sends a signal to each. */
  signal: (name: NodeJS.Signals) => void
  /** Ends each with SIGTERM; none is replaced any more. The second call ends them at once. */
  stop: () => void
}

/**
 * What {@link startWorkers} needs. `pauseMilliseconds` is how long the place of a worker that
 * ended stays empty, so that one that cannot start does not keep the machine busy.
 */
export interface WorkersDeps {
  program: string
  count: number
  logger: {
    info: (object: object, text: string) => void
    error: (object: object, text: string) => void
  }
  pauseMilliseconds?: number
}

/**
 * Runs a program in several processes, which share its port (node:cluster), and replaces those
 * that end. Whether it can serve at all is seen with the first; only then the others start.
 */
export function startWorkers({
  program,
  count,
  logger,
  pauseMilliseconds = 1000,
}: WorkersDeps): Workers {
  cluster.setupPrimary({ exec: program, args: [] })
  const running = new Set<Worker>()
  let [serving, stopping, exitCode] = [false, false, 0]
  let end!: (code: number) => void
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })

  const start = (): Worker => {
    const worker = cluster.fork()
    running.add(worker)
    worker.once('exit', (code: number | null, signal: string | null) => {
      void left(worker, { code, signal })
    })
    // The machine has no process or no file handle left for it. One that runs is heard of by its
    // exit.
    worker.on('error', (err) => {
      if (worker.process.pid === undefined) void left(worker, { code: null, signal: null, err })
    })
    return worker
  }
  const left = async (
    worker: Worker,
    how: { code: number | null; signal: string | null; err?: Error },
  ): Promise<void> => {
    running.delete(worker)
    if (serving && !stopping) {
      logger.error(
        { worker: worker.process.pid, ...how },
        'a worker ended, another takes its place',
      )
      await wait(pauseMilliseconds)
    } else if (how.code !== 0) {
      exitCode = 1
    }
    if (serving && !stopping) start()
    else if (running.size === 0) end(exitCode)
  }
  start().once('listening', () => {
    serving = true
    if (!stopping) for (let place = 1; place < count; place++) start()
    logger.info({ workers: count }, 'workers started')
  })
  const signal = (name: NodeJS.Signals) => {
    for (const worker of running) worker.process.kill(name)
  }
  return {
    ended,
    signal,
    stop: () => {
      signal(stopping ? 'SIGKILL' : 'SIGTERM')
      stopping = true
    },
  }
}
