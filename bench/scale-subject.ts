import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once as onceEmitted } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import argon2 from 'argon2'
import type { Options } from 'autocannon'
import { loadConfig } from '../src/config.js'
import { createKeyRing } from '../src/keys/key-ring.js'
import { parseKeys } from '../src/keys/signing-key.js'
import { createAccessTokens } from '../src/tokens/access-token.js'
import { longestTokenSeconds } from '../src/tokens/lifetimes.js'
import { createRefreshTokens } from '../src/tokens/refresh-token.js'
import { load, type Sample } from './sample.js'
import { bare, main, memoryOf, startServer } from './server.js'

const password = 'brass-lantern-under-the-stair'
const connections = 16
/** For requests that hash. */
const hashingConnections = 4
/** The random accounts that send requests. The guard remembers the tokens of all. */
const maxPeople = 2000

/** A running server, and the requests that it is measured with. */
export interface ScaleSubject {
  send: (name: string, seconds: number) => Promise<Sample>
  names: string[]
  once: Record<string, number>
  peakMemory: () => number
  stop: () => Promise<void>
}

type Requests = Pick<Options, 'connections' | 'requests'>

/** An imported account. */
interface Known {
  id: string
  email: string
  /** The column of the account. */
  roles: string
}

/** An account that sends requests, with its tokens. */
interface Person {
  id: string
  email: string
  access: string
  refresh: string
}

/** Imports random accounts into an empty database, and starts the built program on it. */
export async function openScaleSubject(
  folder: string,
  databaseUrl: string,
  size: number,
): Promise<ScaleSubject> {
  mkdirSync(folder, { recursive: true })
  const env = {
    PATH: String(process.env.PATH),
    DATABASE_URL: databaseUrl,
    AUTO_MIGRATE: 'on',
    RATE_LIMITS: 'off',
    HASH_QUEUE_MS: '30000',
  }
  const once: Record<string, number> = {}
  const known: Known[] = []
  const file = join(folder, 'accounts.jsonl')
  await pipeline(
    Readable.from(accountLines(size, await defaultHash(), known)),
    createWriteStream(file),
  )
  await command(folder, env, 'migrate')
  const moved = await command(folder, env, 'users', 'import', file)
  once['import, s'] = moved.seconds
  once['import, peak memory in MiB'] = moved.mib
  rmSync(file)
  const listed = await command(folder, env, 'users', 'list')
  once['users list, s'] = listed.seconds
  once['users list, peak memory in MiB'] = listed.mib
  const part = String(known[0]?.email).slice(2, 8)
  const found = await command(folder, env, 'users', 'list', '--search', part)
  once['users list --search, s'] = found.seconds

  const begin = performance.now()
  const server = await startServer(folder, env)
  once['start, s'] = (performance.now() - begin) / 1000
  await wait(1000)
  once['server, idle memory in MiB'] = memoryOf(server.pid).resident
  const people = await withTokens(known, folder, server.url)
  const [boss, ...others] = people as [Person, ...Person[]]
  const requests = requestsOf(others, boss.access)
  return {
    names: Object.keys(requests),
    send: async (name, seconds) =>
      await load({ url: server.url, duration: seconds, ...(requests[name] as Requests) }),
    once,
    peakMemory: () => memoryOf(server.pid).peak,
    stop: async () => {
      await server.stop()
    },
  }
}

/** The requests to measure, each of a random account. */
function requestsOf(people: Person[], admin: string): Record<string, Requests> {
  const any = () => people[Math.floor(Math.random() * people.length)] as Person
  const get = (connections: number, next: () => { path: string; token: string }) => ({
    connections,
    requests: [
      {
        setupRequest: (request: object) => {
          const { path, token } = next()
          return { ...request, path, headers: { authorization: `Bearer ${token}` } }
        },
      },
    ],
  })
  const post = (path: string, connections: number, body: () => object) => ({
    connections,
    requests: [
      {
        method: 'POST' as const,
        path,
        headers: { 'content-type': 'application/json' },
        setupRequest: (request: object) => ({ ...request, body: JSON.stringify(body()) }),
      },
    ],
  })
  const search = (query: () => string) =>
    get(1, () => ({ path: `/admin/users?${query()}`, token: admin }))
  return {
    'GET /claims': get(connections, () => ({ path: '/claims', token: any().access })),
    'GET /me': get(connections, () => ({ path: '/me', token: any().access })),
    'POST /refresh': post('/refresh', connections, () => ({ refresh_token: any().refresh })),
    'POST /login': post('/login', hashingConnections, () => ({ email: any().email, password })),
    'POST /password/forgot': post('/password/forgot', connections, () => ({ email: any().email })),
    'POST /signup': post('/signup', hashingConnections, () => ({
      email: `${crypto.randomUUID()}@example.net`,
      password,
    })),
    'GET /admin/users?email=': search(() => `email=${encodeURIComponent(any().email)}`),
    'GET /admin/users?email_prefix=': search(() => `email_prefix=${any().email.slice(0, 8)}`),
  }
}

async function defaultHash(): Promise<string> {
  const config = loadConfig({})
  return await argon2.hash(password, {
    type: argon2.argon2id,
    memoryCost: config.ARGON2_MEMORY_KIB,
    timeCost: config.ARGON2_PASSES,
    parallelism: config.ARGON2_LANES,
    hashLength: 32,
  })
}

/** Yields lines of an import. Adds an admin and random accounts to `known`. */
function* accountLines(count: number, hash: string, known: Known[]): Generator<string> {
  for (let index = 0; index <= count; index++) {
    // Random ids: the accounts of another system have no order in the index.
    const id = crypto.randomUUID()
    const email = `${randomBytes(8).toString('hex')}@example.org`
    const roles = index === 0 ? ['admin'] : []
    if (index === 0 || known.length <= (index / count) * maxPeople)
      known.push({ id, email, roles: JSON.stringify(roles) })
    yield `${JSON.stringify({
      id,
      email,
      password_hash: hash,
      name: `Person ${index}`,
      email_verified: true,
      roles,
      created_at: new Date(1.7e12 + Math.floor(Math.random() * 6e10)).toISOString(),
    })}\n`
  }
}

/** Signs tokens with the key of a server: logging in so many would take longer than the bench. */
async function withTokens(known: Known[], folder: string, issuer: string): Promise<Person[]> {
  const config = loadConfig({})
  const keys = await parseKeys(readFileSync(join(folder, 'data/keys.json'), 'utf8'), 'the bench')
  const clock = Date.now
  const ring = createKeyRing(keys, {
    publishSeconds: 0,
    longestTokenSeconds: longestTokenSeconds(config),
    clock,
  })
  const accessTokens = createAccessTokens({
    ring,
    issuer,
    audience: issuer,
    lifeSeconds: 7200,
    clock,
  })
  const refreshTokens = createRefreshTokens({
    ring,
    issuer,
    lifeSeconds: 7200,
    maxSeconds: 7200,
    clock,
  })
  return known.map(({ id, email, roles }) => {
    const login = {
      authTime: Math.floor(Date.now() / 1000),
      sid: randomBytes(16).toString('base64url'),
    }
    const account = { id, roles, claims: '{}', accessVersion: 0 }
    return {
      id,
      email,
      access: accessTokens.issue(account, login).accessToken,
      refresh: refreshTokens.issue({ id, tokenEpoch: 0 }, login).refreshToken,
    }
  })
}

/** Runs a command of the program: its duration, and its peak memory (Linux; NaN elsewhere). */
async function command(
  cwd: string,
  env: Record<string, string>,
  ...args: string[]
): Promise<{ seconds: number; mib: number }> {
  const begin = performance.now()
  const child = spawn('env', [...bare, process.execPath, main, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  let mib = NaN
  const watch = setInterval(() => {
    try {
      // A process that is ending has no figure.
      mib = memoryOf(child.pid as number).peak || mib
    } catch {
      // It has ended.
    }
  }, 20)
  const [code] = (await onceEmitted(child, 'exit')) as [number | null]
  clearInterval(watch)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return { seconds: (performance.now() - begin) / 1000, mib }
}
