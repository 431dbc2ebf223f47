import { existsSync } from 'node:fs'
import { loadEnvFile } from 'node:process'
import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'
import { buildApp } from './app.js'
import { CommandError } from './cli/command-error.js'
import { type Config, ConfigError, loadConfig, longestTokenSeconds } from './config.js'
import { Problem } from './errors.js'
import { createLogger, redact } from './http/log.js'
import { createPasswords } from './passwords/passwords.js'
import { createEstimator } from './passwords/strength.js'
import { openStore, PendingMigrationsError, type Store } from './store/open.js'
import { loadKeyFile } from './tokens/key-file.js'
import { createKeyRing, type KeyRing } from './tokens/key-ring.js'
import { KeyRingError, parseKeys } from './tokens/keys.js'

/** How long running requests may take once the process is told to end, in milliseconds. */
const drainMilliseconds = 8000

try {
  if (existsSync('.env')) loadEnvFile('.env')
  const config = loadConfig(process.env)
  const [command, ...args] = process.argv.slice(2)
  if (command === undefined) await serve(config)
  else await run(command, args, config)
} catch (error) {
  // What a person can mend is said in one message; anything else is a fault of ours and keeps its stack.
  const known = error instanceof CommandError || error instanceof ConfigError || error instanceof KeyRingError || error instanceof PendingMigrationsError || error instanceof Problem
  console.error(known ? explain(error) : error)
  process.exit(1)
}

async function serve (config: Config): Promise<void> {
  const logger = await createLogger(config.LOG_LEVEL, process.stdout)
  const clock = Date.now
  const [ring, store, passwords] = await Promise.all([
    openRing(config),
    openStore(config.DATABASE_URL, { autoMigrate: config.AUTO_MIGRATE === 'on', clock }),
    createPasswords({
      cost: { memoryKiB: config.ARGON2_MEMORY_KIB, passes: config.ARGON2_PASSES, lanes: config.ARGON2_LANES },
      minLength: config.PASSWORD_MIN_LENGTH,
      estimate: createEstimator(),
      onUnreadableHash: () => { logger.error('a stored password hash is in an unknown format; its account cannot log in') }
    })
  ])
  let draining = false
  const app = buildApp({ config, store, passwords, ring, clock, logger, isDraining: () => draining })
  closeWithGrace({ delay: 10_000, logger, skip: ['SIGHUP'] }, async ({ err, signal }) => {
    draining = true
    if (err) logger.fatal({ err }, 'unexpected failure, shutting down')
    else logger.info(`${signal ?? 'end'}: finishing running requests`)
    const timer = setTimeout(() => { app.server.closeAllConnections() }, drainMilliseconds)
    await app.close()
    clearTimeout(timer)
  })
  await listen(config, store, app, logger)
}

async function listen (config: Config, store: Store, app: ReturnType<typeof buildApp>, logger: Logger): Promise<void> {
  try {
    await app.listen({ host: config.HOST, port: config.PORT, listenTextResolver: (address) => `bound to ${address}` })
  } catch (error) {
    await app.close()
    const { code } = error as NodeJS.ErrnoException
    throw code === undefined ? error : new ConfigError(`Cannot listen on HOST ${config.HOST}, PORT ${config.PORT} (${code}).`)
  }
  const docs = config.DOCS === 'on' ? `, docs at ${config.PUBLIC_URL}/docs` : ''
  logger.info(`Latchkey serves ${config.PUBLIC_URL}${docs}, database ${store.name}`)
}

async function openRing (config: Config): Promise<KeyRing> {
  const keys = config.KEYS === '' ? await loadKeyFile(config.KEYS_FILE, Date.now) : await parseKeys(config.KEYS, 'KEYS')
  return createKeyRing(keys, { publishSeconds: config.KEY_PUBLISH_SECONDS, longestTokenSeconds: longestTokenSeconds(config), clock: Date.now })
}

/** The commands beside serving. */
async function run (command: string, args: string[], config: Config): Promise<void> {
  if (command === 'migrate') return (await import('./cli/migrate.js')).migrate(config.DATABASE_URL)
  if (command === 'migrate:new') return (await import('./cli/migrate-new.js')).newMigration(args[0] ?? '')
  if (command === 'openapi') return (await import('./cli/openapi.js')).writeContract()
  if (command === 'users') {
    process.exitCode = await (await import('./cli/users.js')).users(args, config, process)
    return
  }
  throw new ConfigError(`There is no command "${command}". There are: migrate, migrate:new, openapi, users.`)
}

function explain (error: Error): string {
  if (!(error instanceof Problem)) return error.message
  // Prisma wraps the one line that says it in several that do not.
  const [, reason] = /Message: `([^`]+)`/.exec(String(error.cause)) ?? []
  return `The database of DATABASE_URL cannot be used: ${redact(reason ?? String(error.cause))}`
}
