import cluster from 'node:cluster'
import { ConfigError, type Config, loadConfig } from './config.js'
import { loadEnvFile } from './env-file.js'
import type { EndSignals } from './process/end-signals.js'
import { countWorkers } from './process/workers.js'
import { misspelledSettings, riskySettings } from './settings-advice.js'

/**
 * Runs a command with the settings of the environment and of `.env`; without a command, serves.
 * Prints errors that the operator can fix as one message, and then exits with code 1.
 *
 * @param args the command and its arguments
 */
export async function runProgram(args: string[], endSignals: EndSignals): Promise<void> {
  try {
    loadEnvFile('.env', process.env)
    const config = loadConfig(process.env)
    const [command, ...rest] = args
    const misspelled = misspelledSettings(Object.keys(process.env))
    if (command === undefined) {
      const { serve, supervise } = await import('./serve.js')
      const surroundings = {
        env: process.env,
        endSignals,
        warnings: cluster.isPrimary ? [...misspelled, ...riskySettings(process.env, config)] : [],
      }
      const isSupervisor = cluster.isPrimary && countWorkers(config) > 1
      await (isSupervisor ? supervise(config, surroundings) : serve(config, surroundings))
      return
    }
    for (const warning of misspelled) console.error(`Warning: ${warning}`)
    await runCommand(command, rest, config)
  } catch (error) {
    // Loaded when needed: a health check every few seconds needs little of the program.
    const { explain } = await import('./explain.js')
    console.error(explain(error) ?? error)
    process.exit(1)
  }
}

async function runCommand(command: string, args: string[], config: Config): Promise<void> {
  // `migrate --help` must not migrate.
  if (args.length > 0 && ['migrate', 'openapi', 'health'].includes(command))
    throw new ConfigError(`"${command}" takes no arguments. Nothing was changed.`)
  if (command === 'migrate') {
    const { migrate } = await import('./cli/migrate.js')
    await migrate(config.DATABASE_URL, config.MIGRATE_DATABASE_URL)
    return
  }
  if (command === 'migrate:new')
    return (await import('./cli/migrate-new.js')).newMigration(args.join(' '))
  if (command === 'openapi') return (await import('./cli/openapi.js')).writeContract()
  if (command === 'health') return (await import('./cli/health.js')).checkHealth(config)
  if (command === 'keys') return (await import('./cli/keys.js')).manageKeys(args, config)
  if (command === 'backup') return (await import('./cli/backup.js')).backUp(args, config, process)
  if (command === 'users') {
    process.exitCode = await (await import('./cli/users.js')).users(args, config, process)
    return
  }
  if (command === 'clients') {
    await (await import('./cli/manage-clients.js')).manageClients(args, config, process)
    return
  }
  if (command === 'webhooks')
    return (await import('./cli/manage-webhooks.js')).manageWebhooks(args, config, process)
  throw new ConfigError(
    `Unknown command "${command}". Commands: migrate, migrate:new, openapi, health, keys, users, clients, webhooks, backup.`,
  )
}
