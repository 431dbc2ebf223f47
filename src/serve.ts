import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'
import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'
import { buildApp } from './app.js'
import { createServices, type Services } from './services.js'
import type { Clock } from './clock.js'
import { type Config, ConfigError } from './config.js'
import { createDrain, type Drain } from './process/drain.js'
import type { EndHandlers, EndSignals } from './process/end-signals.js'
import { createLogger } from './http/log.js'
import { openMailer } from './mail/open-mailer.js'
import { createHashGate } from './passwords/gate.js'
import { createNeighbours } from './passwords/pace.js'
import { createPasswords } from './passwords/passwords.js'
import { createEstimator } from './passwords/strength.js'
import { filePath } from './store/database.js'
import { openStore, type Store } from './store/open-store.js'
import { startPurge } from './store/purge.js'
import { followKeys, loadKeys } from './serve-keys.js'
import { isOpenToOthers } from './keys/key-file.js'
import { createKeyRing } from './keys/key-ring.js'
import { longestTokenSeconds } from './tokens/lifetimes.js'
import { widenThreadPool } from './process/thread-pool.js'
import { countWorkers, shareHashes, startWorkers } from './process/workers.js'

/**
 * The timeout of running requests at a shutdown, in milliseconds. Together with `drainTimes`
 * and the time for mails it stays under the 10 s of `delay`.
 */
const requestMilliseconds = 4000

/** The surroundings that a server gets from the process that it runs in. */
export interface Surroundings {
  env: Record<string, string | undefined>
  endSignals: EndSignals
  /** Warnings about the settings, for the log. */
  warnings: string[]
}

/** Serves in this process until a signal ends it. */
export async function serve(
  config: Config,
  { env, endSignals, warnings }: Surroundings,
): Promise<void> {
  const [hashes, queueMilliseconds] = [shareHashes(config), config.HASH_QUEUE_MS]
  const threads = widenThreadPool(hashes, env)
  const logger = await createLogger(config.LOG_LEVEL, process.stdout)
  for (const warning of warnings) logger.warn(warning)
  if (threads !== null)
    logger.warn(
      `${hashes} concurrent hashes (HASH_CONCURRENCY) need UV_THREADPOOL_SIZE=${threads} in the environment, or Node.js 22: otherwise hashes delay file access and DNS lookups`,
    )
  const clock = Date.now
  const now = () => performance.now()
  const neighbours = createNeighbours(now)
  const [keys, store, passwords] = await Promise.all([
    loadKeys(config),
    openDatabase(config, logger),
    createPasswords({
      cost: {
        memoryKiB: config.ARGON2_MEMORY_KIB,
        passes: config.ARGON2_PASSES,
        lanes: config.ARGON2_LANES,
      },
      minLength: config.PASSWORD_MIN_LENGTH,
      estimate: createEstimator(neighbours),
      gate: createHashGate({ concurrency: hashes, queueMilliseconds, now, neighbours }),
      onUnreadableHash: () => {
        logger.error('a stored password hash is in an unknown format; its account cannot log in')
      },
    }),
  ])
  const ring = createKeyRing(keys, {
    publishSeconds: config.KEY_PUBLISH_SECONDS,
    longestTokenSeconds: longestTokenSeconds(config),
    clock,
  })
  const drain = createDrain()
  const mailer = openMailer(config, logger)
  const redis =
    config.REDIS_URL === ''
      ? undefined
      : (await import('./limits/redis.js')).connectRedis(config.REDIS_URL, logger)
  const parts = { config, store, passwords, ring, mailer, clock, logger, drain }
  const services = createServices({ ...parts, ...(redis && { redis }) })
  const app = buildApp(services)
  const endHandlers = closeGracefully(app, drain, logger)
  await warnOfOpenFiles(config, logger)
  await followKeys(config, keys, ring, app, logger)
  startBackground(config, services, app, clock, logger)
  await listen(config, store, app, logger)
  endSignals.handle(endHandlers)
}

/** Starts the work beside the requests, until the application closes. */
function startBackground(
  config: Config,
  { accounts, webhooks }: Services,
  app: ReturnType<typeof buildApp>,
  clock: Clock,
  logger: Logger,
): void {
  const purge = async (before: Date) => {
    await webhooks.keep()
    return await accounts.purge(before)
  }
  const refreshMaxSeconds = config.REFRESH_MAX_SECONDS
  app.addHook('onClose', startPurge({ purge }, { clock, refreshMaxSeconds, logger }))
  webhooks.start()
  // A delivery that runs may end while the last requests do.
  app.addHook('preClose', async () => {
    void webhooks.stop()
  })
  app.addHook('onClose', webhooks.stop)
}

/**
 * Closes the application after an unexpected failure, and then exits.
 *
 * @returns the same for signals; a second signal exits at once
 */
function closeGracefully(
  app: ReturnType<typeof buildApp>,
  drain: Drain,
  logger: Logger,
): EndHandlers {
  let ending: string = 'end'
  const closing = closeWithGrace(
    { delay: 10_000, logger, skip: ['SIGHUP', 'SIGTERM', 'SIGINT'] },
    async ({ err }) => {
      if (err) logger.fatal({ err }, 'unexpected failure, shutting down')
      else logger.info(`${ending}: finishing running requests`)
      if (!err) await drain.begin()
      const timer = setTimeout(() => {
        app.server.closeAllConnections()
      }, requestMilliseconds)
      await app.close()
      clearTimeout(timer)
    },
  )
  return {
    // A terminal sends SIGINT to every process of the group. Workers wait for the primary process.
    ignored: cluster.isWorker ? ['SIGINT'] : [],
    end: (signal) => {
      ending = signal
      closing.close()
    },
    endNow: (signal) => {
      logger.error(`second ${signal}, exiting`)
      process.exit(1)
    },
  }
}

/**
 * Serves with several processes. This process creates the keys and the database, starts the
 * workers, and replaces workers that end.
 */
export async function supervise(
  config: Config,
  { endSignals, warnings }: Surroundings,
): Promise<void> {
  const logger = await createLogger(config.LOG_LEVEL, process.stdout)
  for (const warning of warnings) logger.warn(warning)
  await loadKeys(config)
  await (await openDatabase(config, logger)).close()
  if (config.RATE_LIMITS === 'on' && config.REDIS_URL === '')
    logger.warn(
      'each worker counts its own rate limits: N workers together allow N times as many calls',
    )
  const workers = startWorkers({
    program: fileURLToPath(new URL('main.js', import.meta.url)),
    count: countWorkers(config),
    logger,
  })
  endSignals.handle({ end: workers.stop, endNow: workers.stop })
  process.on('SIGHUP', () => {
    workers.signal('SIGHUP')
  })
  process.exit(await workers.ended)
}

/** Warns of files with secrets that other users of this machine can read. */
async function warnOfOpenFiles(config: Config, logger: Logger): Promise<void> {
  const database = filePath(config.DATABASE_URL)
  const paths = [
    ...(config.KEYS === '' ? [config.KEYS_FILE] : []),
    ...(database === null ? [] : [database, `${database}-wal`]),
  ]
  for (const path of paths)
    if (await isOpenToOthers(path))
      logger.warn(`${path} can be read by other users of this machine: chmod 600 ${path}`)
}

async function listen(
  config: Config,
  store: Store,
  app: ReturnType<typeof buildApp>,
  logger: Logger,
): Promise<void> {
  try {
    await app.listen({
      host: config.HOST,
      port: config.PORT,
      listenTextResolver: (address) => `bound to ${address}`,
    })
  } catch (error) {
    await app.close()
    const { code } = error as NodeJS.ErrnoException
    throw code === undefined
      ? error
      : new ConfigError(`Cannot listen on HOST ${config.HOST}, PORT ${config.PORT} (${code}).`)
  }
  const docs = config.DOCS === 'on' ? `, docs at ${config.PUBLIC_URL}/docs` : ''
  logger.info(`Latchkey serves ${config.PUBLIC_URL}${docs}, database ${store.name}`)
}

async function openDatabase(config: Config, logger: Logger): Promise<Store> {
  return await openStore(config.DATABASE_URL, {
    autoMigrate: config.AUTO_MIGRATE === 'on',
    migrateUrl: config.MIGRATE_DATABASE_URL,
    clock: Date.now,
    onWait: (line) => {
      logger.info(line)
    },
  })
}
