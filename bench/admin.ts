// Measures the lists and searches of the admin API over many imported accounts, on SQLite and on
// PostgreSQL. `npm run bench -- admin --accounts=1000000 --calls=300` are the defaults, and
// `--on=PostgreSQL` measures one of them. The addresses are random, one account in three has a
// role, and one connection sends one request after the other.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs, promisify } from 'node:util'
import { createPostgres, createSqlite } from './databases.js'
import { main, startServer } from './server.js'
import { quantile } from './statistics.js'

/** The max median of a list or a search by address, in milliseconds. */
const targetMilliseconds = 5

const password = 'brass-lantern-under-the-stair'
const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const boss = 'boss@example.org'

/** The figures of one kind of request. */
export interface AdminFigures {
  p50: number
  p99: number
  /** The accounts of a reply, on average. */
  accounts: number
}

interface Page {
  users: Array<{ email: string }>
  next_cursor: string | null
}

/** Prints a table for each database. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      accounts: { type: 'string', default: '1000000' },
      calls: { type: 'string', default: '300' },
      on: { type: 'string', default: 'SQLite,PostgreSQL' },
    },
  })
  for (const [name, open] of [
    ['SQLite', createSqlite],
    ['PostgreSQL', createPostgres],
  ] as const) {
    if (!values.on.split(',').includes(name)) continue
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
    const database = await open(join(folder, 'database'))
    try {
      const figures = await measureAdmin(folder, database.url, {
        accounts: Number(values.accounts),
        calls: Number(values.calls),
      })
      console.log(`${name}, ${values.accounts} accounts, ${values.calls} calls of each kind`)
      console.table(
        Object.fromEntries(
          Object.entries(figures).map(([kind, { p50, p99, accounts }]) => [
            kind,
            {
              'p50, ms': p50.toFixed(2),
              'p99, ms': p99.toFixed(2),
              'accounts in a reply': accounts.toFixed(1),
              target: p50 <= targetMilliseconds ? 'reached: 5 ms' : 'missed: 5 ms',
            },
          ]),
        ),
      )
    } finally {
      await database.remove()
      rmSync(folder, { recursive: true })
    }
  }
}

/**
 * Imports accounts into an empty database, and measures the requests of an admin.
 *
 * @param folder of the server
 */
export async function measureAdmin(
  folder: string,
  databaseUrl: string,
  { accounts, calls }: { accounts: number; calls: number },
): Promise<Record<string, AdminFigures>> {
  const env = {
    PATH: String(process.env.PATH),
    DATABASE_URL: databaseUrl,
    AUTO_MIGRATE: 'on',
    RATE_LIMITS: 'off',
  }
  const command = async (...args: string[]) => {
    await promisify(execFile)(process.execPath, [main, ...args], { cwd: folder, env })
  }
  const known: string[] = []
  const file = join(folder, 'accounts.jsonl')
  await pipeline(Readable.from(people(accounts, known)), createWriteStream(file))
  await command('migrate')
  await command('users', 'import', file)
  const server = await startServer(folder, env)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    const api = createApi(server.url, agent)
    await api.send('/signup', { email: boss, password })
    await command('users', 'grant', boss, 'admin')
    const { body } = await api.send('/login', { email: boss, password })
    const token = (JSON.parse(body) as { access_token: string }).access_token
    const figures: Record<string, AdminFigures> = {}
    let cursor: string | null = null
    const any = () => known[Math.floor(Math.random() * known.length)] as string
    const kinds: Record<string, () => string> = {
      'first page': () => '',
      'next page, 50 accounts': () => (cursor === null ? '' : `cursor=${cursor}`),
      'next page, 200 accounts': () => `limit=200${cursor === null ? '' : `&cursor=${cursor}`}`,
      'one address': () => `email=${encodeURIComponent(any())}`,
      'an address without an account': () => `email=nobody-${any()}`,
      'the first letter of an address': () => `email_prefix=${any().slice(0, 1)}`,
      'the first three letters': () => `email_prefix=${any().slice(0, 3)}`,
      'the first eight letters': () => `email_prefix=${any().slice(0, 8)}`,
      'a role of three accounts in ten': () => 'role=member',
      'a role of one account in 10,000': () => 'role=auditor',
      'the role admin': () => 'role=admin',
      'disabled accounts': () => 'disabled=true',
      'a letter, a rare role': () => `email_prefix=${any().slice(0, 1)}&role=auditor`,
    }
    for (const [kind, query] of Object.entries(kinds)) {
      const times: number[] = []
      let found = 0
      cursor = null
      for (let call = -Math.ceil(calls / 10); call < calls; call++) {
        const reply = await api.send(`/admin/users?${query()}`, undefined, token)
        if (reply.status !== 200) throw new Error(`${kind}: ${reply.status} ${reply.body}`)
        const page = JSON.parse(reply.body) as Page
        cursor = page.next_cursor
        if (call < 0) continue
        times.push(reply.milliseconds)
        found += page.users.length
      }
      figures[kind] = {
        p50: quantile(times, 0.5),
        p99: quantile(times, 0.99),
        accounts: found / calls,
      }
    }
    return figures
  } finally {
    agent.destroy()
    await server.stop()
  }
}

/** Yields lines of an import with random addresses. Adds some of the addresses to `known`. */
function* people(count: number, known: string[]): Generator<string> {
  for (let index = 0; index < count; index++) {
    const email = `${randomBytes(8).toString('base64url').toLowerCase().replace(/[_-]/g, 'x')}@example.org`
    if (index % Math.ceil(count / 1000) === 0) known.push(email)
    const roles = index % 10_000 === 5 ? ['auditor'] : index % 10 < 3 ? ['member'] : []
    const members = {
      email,
      password_hash: hash,
      name: `Person ${index}`,
      email_verified: index % 2 === 0,
      disabled: index % 1000 === 7,
      roles,
      created_at: new Date(1.7e12 + Math.floor(Math.random() * 6e10)).toISOString(),
    }
    yield `${JSON.stringify(members)}\n`
  }
}

/** Returns a function that sends JSON, or a GET without a body, on the connection of an agent. */
function createApi(url: string, agent: Agent) {
  const send = async (
    path: string,
    body?: object,
    token?: string,
  ): Promise<{ status: number; body: string; milliseconds: number }> =>
    await new Promise((resolve, reject) => {
      const begin = performance.now()
      const headers = {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      }
      const method = body === undefined ? 'GET' : 'POST'
      request(`${url}${path}`, { agent, method, headers }, (reply) => {
        const chunks: Buffer[] = []
        reply.on('data', (chunk: Buffer) => chunks.push(chunk))
        reply.on('error', reject)
        reply.on('end', () => {
          const milliseconds = performance.now() - begin
          resolve({
            status: reply.statusCode as number,
            body: Buffer.concat(chunks).toString(),
            milliseconds,
          })
        })
      })
        .on('error', reject)
        .end(body && JSON.stringify(body))
    })
  return { send }
}
