import cluster from 'node:cluster'
import { existsSync } from 'node:fs'
import { loadEnvFile } from 'node:process'
import { fileURLToPath } from 'node:url'
import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'
import { buildApp } from './app.js'
import { createServices } from './services.js'
import { CommandError } from './cli/command-error.js'
import { type Config, ConfigError, loadConfig } from './config.js'
import { Problem } from './errors.js'
import { createDrain } from './process/drain.js'
import { createLogger, redact } from './http/log.js'
import { openMailer } from './mail/open-mailer.js'
import { createHashGate } from './passwords/gate.js'
import { createNeighbours } from './passwords/pace.js'
import { createPasswords } from './passwords/passwords.js'
import { createEstimator } from './passwords/strength.js'
import { adviseOnDatabase } from './store/advice.js'
import { DatabaseError } from './store/database-error.js'
import { openStore, type Store } from './store/open-store.js'
import { isOpenToOthers, loadKeyFile } from './keys/key-file.js'
import { createKeyRing, type KeyRing } from './keys/key-ring.js'
import { watchKeyFile } from './keys/key-watch.js'
import { KeyRingError, parseKeys, type SigningKey } from './keys/signing-key.js'
import { longestTokenSeconds } from './tokens/lifetimes.js'
import { countWorkers, shareHashes, startWorkers } from './process/workers.js'

/**
 * The timeout of running requests at a shutdown, in milliseconds. Together with `drainTimes`
 * and the time for mails it stays under the 10 s of `delay`.
 */
const requestMilliseconds = 4000

try {
  // The signal to reload keys must not end a process that cannot reload them yet.
  process.on('SIGHUP', () => {})
  if (existsSync('.env')) loadEnvFile('.env')
  const config = loadConfig(process.env)
  const [command, ...args] = process.argv.slice(2)
  if (command === undefined)
    await (cluster.isPrimary && countWorkers(config) > 1 ? supervise(config) : serve(config))
  else await run(command, args, config)
} catch (error) {
  // The operator can fix these errors: the message is enough. Any other error is a bug.
  const known = [CommandError, ConfigError, KeyRingError, DatabaseError, Problem]
  const isKnown = known.some((kind) => error instanceof kind)
  console.error(isKnown ? explain(error as Error) : error)
  process.exit(1)
}

async function serve(config: Config): Promise<void> {
  const [hashes, queueMilliseconds] = [shareHashes(config), config.HASH_QUEUE_MS]
  const threads = widenThreadPool(hashes)
  const logger = await createLogger(config.LOG_LEVEL, process.stdout)
  if (threads !== null)
    logger.warn(
      `${hashes} concurrent hashes (HASH_CONCURRENCY) need UV_THREADPOOL_SIZE=${threads} in the environment, or Node.js 22: otherwise hashes delay file access and DNS lookups`,
    )
  const clock = Date.now
  const now = () => performance.now()
  const neighbours = createNeighbours(now)
  const [keys, store, passwords] = await Promise.all([
    loadKeys(config),
    openStore(config.DATABASE_URL, {
      autoMigrate: config.AUTO_MIGRATE === 'on',
      clock,
      onWait: (line) => {
        logger.info(line)
      },
    }),
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
  const app = buildApp(createServices({ ...parts, ...(redis && { redis }) }))
  // A terminal sends SIGINT to every process of the group. Workers wait for the primary process.
  if (cluster.isWorker) process.on('SIGINT', () => {})
  closeWithGrace(
    { delay: 10_000, logger, skip: ['SIGHUP', ...(cluster.isWorker ? ['SIGINT' as const] : [])] },
    async ({ err, signal }) => {
      if (err) logger.fatal({ err }, 'unexpected failure, shutting down')
      else logger.info(`${signal ?? 'end'}: finishing running requests`)
      if (!err) await drain.begin()
      const timer = setTimeout(() => {
        app.server.closeAllConnections()
      }, requestMilliseconds)
      await app.close()
      clearTimeout(timer)
    },
  )
  await followKeys(config, keys, ring, app, logger)
  await listen(config, store, app, logger)
}

/**
 * Enlarges the thread pool of libuv, so that hashes leave threads for files and DNS lookups.
 * Node.js reads the size at the first use of the pool; Node.js 20 does so while it loads this
 * module. Returns the required size if it is too late to set it, otherwise null.
 */
function widenThreadPool(hashes: number): number | null {
  if (process.env.UV_THREADPOOL_SIZE !== undefined || hashes < 4) return null
  const threads = hashes + 2
  process.env.UV_THREADPOOL_SIZE = String(threads)
  return process.versions.node.startsWith('20.') ? threads : null
}

/**
 * Serves with several processes. This process creates the keys and the database, starts the
 * workers, and replaces workers that end.
 */
async function supervise(config: Config): Promise<void> {
  const logger = await createLogger(config.LOG_LEVEL, process.stdout)
  await loadKeys(config)
  const store = await openStore(config.DATABASE_URL, {
    autoMigrate: config.AUTO_MIGRATE === 'on',
    clock: Date.now,
    onWait: (line) => {
      logger.info(line)
    },
  })
  await store.close()
  if (config.RATE_LIMITS === 'on' && config.REDIS_URL === '')
    logger.warn(
      'each worker counts its own rate limits: N workers together allow N times as many calls',
    )
  const workers = startWorkers({
    program: fileURLToPath(import.meta.url),
    count: countWorkers(config),
    logger,
  })
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, workers.stop)
  process.on('SIGHUP', () => {
    workers.signal('SIGHUP')
  })
  process.exit(await workers.ended)
}

/** Reloads the key file when it changes, or on SIGHUP, until the application closes. */
async function followKeys(
  config: Config,
  keys: SigningKey[],
  ring: KeyRing,
  app: ReturnType<typeof buildApp>,
  logger: Logger,
): Promise<void> {
  const file = config.KEYS_FILE
  if (config.KEYS !== '') {
    process.on('SIGHUP', () => {
      logger.warn('SIGHUP: KEYS cannot be reloaded; restart with the changed setting')
    })
    return
  }
  if (await isOpenToOthers(file))
    logger.warn(`${file} can be read by other users of this machine: chmod 600 ${file}`)
  const watch = watchKeyFile(file, keys, {
    changed: (keys) => {
      ring.replace(keys)
      logger.info(
        { event: 'keys.changed', keys: keys.length, signs: ring.signingKey().kid },
        'keys reloaded',
      )
    },
    failed: (error) => {
      if (error instanceof KeyRingError)
        logger.error(`${error.message} Until this is fixed, the previous keys stay in use.`)
      else logger.error({ err: error }, 'keys not reloaded: the previous keys stay in use')
    },
  })
  process.on('SIGHUP', () => {
    void watch.reload()
  })
  app.addHook('onClose', async () => {
    watch.stop()
  })
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

async function loadKeys({ KEYS, KEYS_FILE }: Config): Promise<SigningKey[]> {
  return KEYS === '' ? await loadKeyFile(KEYS_FILE, Date.now) : await parseKeys(KEYS, 'KEYS')
}

/** Runs a command other than serving. */
async function run(command: string, args: string[], config: Config): Promise<void> {
  if (command === 'migrate') return (await import('./cli/migrate.js')).migrate(config.DATABASE_URL)
  if (command === 'migrate:new')
    return (await import('./cli/migrate-new.js')).newMigration(args[0] ?? '')
  if (command === 'openapi') return (await import('./cli/openapi.js')).writeContract()
  if (command === 'keys') return (await import('./cli/keys.js')).manageKeys(args, config)
  if (command === 'users') {
    process.exitCode = await (await import('./cli/users.js')).users(args, config, process)
    return
  }
  throw new ConfigError(
    `Unknown command "${command}". Commands: migrate, migrate:new, openapi, keys, users.`,
  )
}

function explain(error: Error): string {
  if (!(error instanceof Problem)) return error.message
  return `The database of DATABASE_URL cannot be used: ${redact(adviseOnDatabase(error.cause))}`
}
