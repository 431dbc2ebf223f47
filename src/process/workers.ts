import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../config.js'

/** Returns the number of processes by WORKERS; `auto` is one for each core. */
export function countWorkers({ WORKERS }: Pick<Config, 'WORKERS'>): number {
  return WORKERS === 'auto' ? availableParallelism() : Number(WORKERS)
}

/**
 * Returns the max concurrent hashes of each process, so that all together keep to
 * HASH_CONCURRENCY. The min is one.
 */
export function shareHashes(config: Pick<Config, 'WORKERS' | 'HASH_CONCURRENCY'>): number {
  return Math.max(1, Math.floor(config.HASH_CONCURRENCY / countWorkers(config)))
}

/** Several processes that share one port. */
export interface Workers {
  /**
   * Resolves when all have ended: with 0 if each exited with 0 or was stopped while it started,
   * with 1 otherwise or if the first could not serve.
   */
  ended: Promise<number>
  /**
   * Sends a signal to each process that serves. One that starts could not handle it, and would
   * end.
   */
  signal: (name: NodeJS.Signals) => void
  /** Ends each process with SIGTERM and replaces none. A second call kills them at once. */
  stop: () => void
}

/** Options of {@link startWorkers}. */
export interface WorkersDeps {
  program: string
  count: number
  logger: {
    info: (object: object, text: string) => void
    error: (object: object, text: string) => void
  }
  /**
   * The delay before an ended worker is replaced, so that one that cannot start does not keep
   * the machine busy.
   */
  pauseMilliseconds?: number
}

/**
 * Runs a program in several processes that share its port (node:cluster), and replaces those
 * that end. Starts the others only after the first one listens.
 */
export function startWorkers({
  program,
  count,
  logger,
  pauseMilliseconds = 1000,
}: WorkersDeps): Workers {
  cluster.setupPrimary({ exec: program, args: [] })
  const running = new Set<Worker>()
  const listening = new Set<Worker>()
  let [serving, stopping, exitCode] = [false, false, 0]
  let end!: (code: number) => void
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })

  const start = (): Worker => {
    const worker = cluster.fork()
    running.add(worker)
    worker.once('listening', () => {
      listening.add(worker)
    })
    worker.once('exit', (code: number | null, signal: string | null) => {
      void onExit(worker, { code, signal })
    })
    // Handle only a failed start, for lack of processes or file handles. A running worker reports
    // its exit.
    worker.on('error', (err) => {
      if (worker.process.pid === undefined) void onExit(worker, { code: null, signal: null, err })
    })
    return worker
  }
  const onExit = async (
    worker: Worker,
    how: { code: number | null; signal: string | null; err?: Error },
  ): Promise<void> => {
    running.delete(worker)
    listening.delete(worker)
    if (serving && !stopping) {
      logger.error({ worker: worker.process.pid, ...how }, 'a worker ended and is being replaced')
      await wait(pauseMilliseconds)
    } else if (how.code !== 0 && how.signal !== 'SIGTERM') {
      exitCode = 1
    }
    if (serving && !stopping) start()
    else if (running.size === 0) end(exitCode)
  }
  start().once('listening', () => {
    serving = true
    if (!stopping) for (let started = 1; started < count; started++) start()
    logger.info({ workers: count }, 'workers started')
  })
  const send = (workers: Set<Worker>, name: NodeJS.Signals) => {
    for (const worker of workers) worker.process.kill(name)
  }
  return {
    ended,
    signal: (name) => {
      send(listening, name)
    },
    stop: () => {
      send(running, stopping ? 'SIGKILL' : 'SIGTERM')
      stopping = true
    },
  }
}
