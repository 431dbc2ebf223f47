import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { buildApp } from '../src/app.js'
import { createServices, type Services } from '../src/services.js'
import { type Config, loadConfig } from '../src/config.js'
import type { App } from '../src/http/fastify.js'
import { createDrain, type Drain } from '../src/process/drain.js'
import type { ServerTimeouts } from '../src/http/connections.js'
import { createLogger } from '../src/http/log.js'
import { connectRedis } from '../src/limits/redis.js'
import type { HashCost } from '../src/passwords/hash.js'
import { createHashGate, type HashGate } from '../src/passwords/gate.js'
import { createPasswords } from '../src/passwords/passwords.js'
import type { Estimator } from '../src/passwords/strength.js'
import type { Transport } from '../src/mail/message.js'
import { openStore, type Store } from '../src/store/open-store.js'
import { createKeyRing, type KeyRing } from '../src/keys/key-ring.js'
import { generateKey, parseKeys } from '../src/keys/signing-key.js'
import { longestTokenSeconds } from '../src/tokens/lifetimes.js'
import { createMailbox, type Mailbox } from './support/mailbox.js'
import { clusterUrl } from './support/cluster.js'
import { storedAccounts, type StoredAccounts } from './support/accounts.js'
import { query } from './support/query.js'

export { query } from './support/query.js'
export { headerNames, outcome, pointers, pointersOf, problem } from './support/replies.js'

/** The databases that the whole HTTP suite runs on. */
export const databaseKinds = ['sqlite', 'postgresql'] as const
export type DatabaseKind = (typeof databaseKinds)[number]

/** The frozen present of the tests. */
export const frozenNow = Date.parse('2026-01-02T03:04:05Z')

/** A password that every policy here accepts. */
export const goodPassword = 'brass-lantern-under-the-stair'

/** The cheapest hash, so that tests are quick; everything else about it is as shipped. */
export const cheapHash: HashCost = { memoryKiB: 1024, passes: 2, lanes: 1 }

/** The header of a body that is sent as text. */
export const jsonType = { 'content-type': 'application/json' } as const

/** Bodies that are JSON but no object. */
export const notObjects = ['"x"', '1', 'true', 'null', '[]', '[{}]'] as const

/** Values that are no string. */
export const notStrings = [
  null,
  1,
  true,
  [],
  ['ada@example.org'],
  {},
  { contains: '@' },
  { equals: { not: '' } },
] as const

export interface TestApp extends Omit<Mailbox, 'mailer'> {
  app: App
  store: Store
  ring: KeyRing
  config: Config
  /** The private keys as they stand in a key file. */
  jwks: { keys: Array<Record<string, unknown>> }
  /** Set `now` (milliseconds) to move the clock. */
  time: { now: number }
  databaseUrl: string
  /** The accounts of the database, past the store. */
  stored: StoredAccounts
  /** The log so far, a parsed object a line. */
  log: () => Array<Record<string, unknown>>
  logText: () => string
  /** Sends JSON, or nothing where there is no body. */
  call: (
    method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE' | 'PUT',
    url: string,
    options?: { body?: unknown; token?: string; headers?: Record<string, string> },
  ) => Promise<LightMyRequestResponse>
  /** Signs up a new person and answers the token reply. */
  signup: (person?: { email?: string; password?: string; name?: string | null }) => Promise<{
    access_token: string
    refresh_token: string
    user: { id: string; email: string; name: string | null } & Record<string, unknown>
  }>
}

export interface TestOptions {
  database?: DatabaseKind
  /** Settings as in the environment. */
  env?: Record<string, string>
  keys?: Array<Record<string, unknown>>
  cost?: HashCost
  /** Bounds the hashing, instead of one that follows the settings. */
  gate?: HashGate
  drain?: Drain
  /** Sends mails, instead of keeping them for `nextMail`. */
  transport?: Transport
  /** How long a command of Redis may take, in milliseconds, instead of 200. */
  redisTimeout?: number
  /** Shorter bounds on a connection than those of the product. */
  timeouts?: ServerTimeouts
  /** A database that is there already, instead of a fresh one. */
  databaseUrl?: string
  /** Changes what the store does, to see what the application makes of it. */
  wrapStore?: (store: Store) => Store
  /** Replaces services, to see what happens without a protection. */
  wrapServices?: (services: Services) => Services
  /** Sees the application before its routes are registered, to watch them or to add to them. */
  beforeReady?: (app: App) => void
}

// The shipped estimator without its thread, which would take two seconds to start in each test
// file; what it says of the good password is known.
const estimate: Estimator = async (password, words) =>
  password === goodPassword
    ? { score: 4, advice: [] }
    : (await import('../src/passwords/strength-worker.js')).default({ password, words })

/**
 * The shipped application on a database of its own, closed when the test ends. Only clock, hash
 * cost and database differ from what runs in production.
 */
export async function buildTestApp(t: Test, options: TestOptions = {}): Promise<TestApp> {
  const databaseUrl = options.databaseUrl ?? (await freshDatabase(t, options.database ?? 'sqlite'))
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    PUBLIC_URL: 'http://localhost:3000',
    HASH_QUEUE_MS: '60000',
    ...options.env,
  })
  const time = { now: frozenNow }
  const clock = () => time.now
  const lines: string[] = []
  const logger = await createLogger(config.LOG_LEVEL, {
    write: (line: string) => {
      lines.push(line)
    },
  })
  const jwks = { keys: options.keys ?? [await generateKey(Math.floor(frozenNow / 1000))] }
  const ring = createKeyRing(await parseKeys(JSON.stringify(jwks), 'test'), {
    publishSeconds: config.KEY_PUBLISH_SECONDS,
    longestTokenSeconds: longestTokenSeconds(config),
    clock,
  })
  const opened = await openStore(databaseUrl, { autoMigrate: true, clock })
  const store = options.wrapStore?.(opened) ?? opened
  const passwords = await createPasswords({
    cost: options.cost ?? cheapHash,
    minLength: config.PASSWORD_MIN_LENGTH,
    estimate,
    gate:
      options.gate ??
      createHashGate({
        concurrency: config.HASH_CONCURRENCY,
        queueMilliseconds: config.HASH_QUEUE_MS,
        now: () => performance.now(),
      }),
    onUnreadableHash: () => {
      logger.error('unreadable hash')
    },
  })
  const { mailer, ...mailbox } = createMailbox(logger, options.transport)
  const redis =
    config.REDIS_URL === ''
      ? undefined
      : connectRedis(config.REDIS_URL, logger, options.redisTimeout)
  const services = createServices({
    config,
    store,
    passwords,
    ring,
    mailer,
    ...(redis && { redis }),
    clock,
    logger,
    drain: options.drain ?? createDrain(),
  })
  const app = buildApp(options.wrapServices?.(services) ?? services, options.timeouts)
  t.teardown(async () => {
    await app.close()
  })
  options.beforeReady?.(app)
  await app.ready()
  const call: TestApp['call'] = async (method, url, { body, token, headers = {} } = {}) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return await app.inject({
      method,
      url,
      headers: { ...authorization, ...headers },
      ...(body !== undefined && { payload: body as NonNullable<InjectOptions['payload']> }),
    })
  }
  return {
    app,
    store,
    ring,
    config,
    jwks,
    time,
    databaseUrl,
    stored: storedAccounts(databaseUrl),
    ...mailbox,
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    logText: () => lines.join(''),
    call,
    signup: async ({
      email = `${randomUUID()}@example.org`,
      password = goodPassword,
      ...rest
    } = {}) => {
      // Each from a home of their own: the limits are for strangers that are many.
      const reply = await app.inject({
        method: 'POST',
        url: '/signup',
        payload: { email, password, ...rest },
        remoteAddress: `2001:db8:${randomUUID().slice(0, 4)}::1`,
      })
      if (reply.statusCode !== 201)
        throw new Error(`signup answered ${reply.statusCode}: ${reply.body}`)
      return reply.json()
    },
  }
}

/**
 * Runs a test on every kind of database, each time as a subtest of its own. `npm run
 * test:quick` sets TEST_DATABASES to `sqlite`, and says so.
 */
export async function onEachDatabase(
  t: Test,
  run: (t: Test, database: DatabaseKind) => Promise<void>,
): Promise<void> {
  const kinds = process.env.TEST_DATABASES === 'sqlite' ? (['sqlite'] as const) : databaseKinds
  for (const database of kinds)
    await t.test(database, async (t) => {
      await run(t, database)
    })
}

/** The URL of an empty database that is removed when the test ends. */
export async function freshDatabase(t: Test, kind: DatabaseKind): Promise<string> {
  if (kind === 'sqlite') return `file:${join(t.testdir(), `${randomUUID()}.db`)}`
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await query(clusterUrl(), `CREATE DATABASE ${name}`)
  t.teardown(async () => {
    await query(clusterUrl(), `DROP DATABASE ${name} WITH (FORCE)`)
  })
  const url = new URL(clusterUrl())
  url.pathname = `/${name}`
  return url.href
}

/** The contents of a file of the project. */
export async function projectFile(path: string): Promise<string> {
  return await readFile(new URL(`../${path}`, import.meta.url), 'utf8')
}

/** A folder for files that outlive a test's own folder. */
export const temporaryFolder = tmpdir()
