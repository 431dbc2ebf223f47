// Measures whether response times reveal that an address has an account. It sends requests about
// known and unknown addresses in pairs, in random order within each pair, on one connection. It
// prints the area under the ROC curve of each comparison. `npm run bench -- enumeration 1000
// result.json` runs 1,000 pairs and also writes the figures. DATABASE_URL may name an empty
// PostgreSQL database.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { areaUnderCurve } from './auc.js'
import { main, startServer } from './server.js'

/**
 * One comparison: the request about a known address, and the request about an unknown one. If
 * `next` is given, a request to this path follows the response and is timed instead.
 */
interface Comparison {
  path: string
  status: number
  known: () => object
  unknown: () => object
  token?: string
  next?: string
}

const password = 'brass-lantern-under-the-stair'
const people = 50
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** OWASP's cost with one pass: 1.2 times the work of the default, and some 1.5 times its time. */
const higherCost = { ARGON2_MEMORY_KIB: '47104', ARGON2_PASSES: '1' }

/**
 * Prints the table.
 *
 * @param pairs the number of pairs of each comparison, 400 by default
 * @param file a file for the figures as JSON
 * @param only the name of one comparison
 */
export async function run([pairs = '400', file, only]: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const settings = {
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'warn',
    AUTO_MIGRATE: 'on',
    ...(process.env.DATABASE_URL && { DATABASE_URL: process.env.DATABASE_URL }),
  }
  let server = await startServer(folder, { ...settings, LOG_LEVEL: 'info' })
  try {
    const comparisons = await prepare(server.url, async (email) => {
      await promisify(execFile)(process.execPath, [main, 'users', 'disable', email], {
        cwd: folder,
        env: { PATH: process.env.PATH, ...settings },
      })
    })
    const results: Record<string, object> = {}
    for (const [name, comparison] of Object.entries(comparisons))
      if (only === undefined || only === name)
        results[name] = await compare(server.url, comparison, Number(pairs))
    const { 'login, wrong password': login } = comparisons
    // No login succeeds, so the accounts keep their hashes of the default cost.
    await server.stop()
    server = await startServer(folder, { ...settings, ...higherCost, LOG_LEVEL: 'info' })
    results['login, after the cost was raised'] = await compare(
      server.url,
      login as Comparison,
      Number(pairs),
    )
    console.table(results)
    if (file !== undefined) writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  } finally {
    await server.stop()
    agent.destroy()
    rmSync(folder, { recursive: true })
  }
}

/** Creates accounts, disables some of them, and returns the comparisons. */
async function prepare(
  url: string,
  disable: (email: string) => Promise<void>,
): Promise<Record<string, Comparison>> {
  const run = crypto.randomUUID().slice(0, 8)
  const known = Array.from({ length: people }, (_, index) => `person-${run}-${index}@example.org`)
  const disabled = Array.from({ length: 5 }, (_, index) => `gone-${run}-${index}@example.org`)
  let caller = ''
  for (const email of [...known, ...disabled]) {
    const { status, body } = await send(`${url}/signup`, { email, password })
    if (status !== 201) throw new Error(`signup returned ${status}: ${body}`)
    if (email === known[0]) caller = (JSON.parse(body) as { access_token: string }).access_token
  }
  for (const email of disabled) await disable(email)
  let next = 0
  const any = (list: string[]) => list[next++ % list.length] as string
  // Same length and same frequency as the known addresses.
  const nobody = Array.from({ length: people }, (_, index) => `nobody-${run}-${index}@example.org`)
  const wrong = { password: `${password}-wrong` }
  const about =
    (list: string[], rest: object = {}) =>
    () => ({ email: any(list), ...rest })
  return {
    'login, wrong password': {
      path: '/login',
      status: 401,
      known: about(known, wrong),
      unknown: about(nobody, wrong),
    },
    'login, disabled account': {
      path: '/login',
      status: 401,
      known: about(disabled, wrong),
      unknown: about(nobody, wrong),
    },
    forgot: { path: '/password/forgot', status: 202, known: about(known), unknown: about(nobody) },
    'forgot, disabled account': {
      path: '/password/forgot',
      status: 202,
      known: about(disabled),
      unknown: about(nobody),
    },
    'the next request after forgot': {
      path: '/password/forgot',
      status: 202,
      known: about(known),
      unknown: about(nobody),
      next: '/health/live',
    },
    resend: { path: '/email/resend', status: 202, known: about(known), unknown: about(nobody) },
    'change to a taken address': {
      path: '/email/change',
      status: 202,
      token: caller,
      known: () => ({ new_email: any(known), password }),
      unknown: () => ({ new_email: any(nobody), password }),
    },
  }
}

/** Runs one comparison and returns its figures. The order within each pair is random. */
async function compare(
  url: string,
  { path, status, known, unknown, token, next }: Comparison,
  pairs: number,
): Promise<object> {
  const times = { known: [] as number[], unknown: [] as number[] }
  const kinds = { known, unknown }
  const warmUp = Math.ceil(pairs / 10)
  for (let pair = -warmUp; pair < pairs; pair++) {
    const order =
      Math.random() < 0.5 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)
    for (const kind of order) {
      const reply = await send(`${url}${path}`, kinds[kind](), token)
      if (reply.status !== status)
        throw new Error(`${path} returned ${reply.status}: ${reply.body}`)
      const { milliseconds } = next === undefined ? reply : await send(`${url}${next}`)
      if (pair >= 0) times[kind].push(milliseconds)
    }
  }
  const median = (list: number[]) =>
    Number([...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]?.toFixed(3))
  const [knownMedian, unknownMedian] = [median(times.known), median(times.unknown)]
  return {
    'samples of each': pairs,
    'AUC by time': Number(areaUnderCurve(times.known, times.unknown).toFixed(3)),
    'median known, ms': knownMedian,
    'median unknown, ms': unknownMedian,
    'known/unknown': Number((knownMedian / unknownMedian).toFixed(3)),
  }
}

/**
 * Sends JSON, or a GET without a body, on the single connection. The time is from the request
 * to the last byte of the response.
 */
async function send(
  url: string,
  body?: object,
  token?: string,
): Promise<{ status: number; body: string; milliseconds: number }> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    ...(body !== undefined && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  return await new Promise((resolve, reject) => {
    const begin = performance.now()
    request(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, (reply) => {
      let received = ''
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        received += chunk
      })
      reply
        .on('end', () => {
          resolve({
            status: reply.statusCode ?? 0,
            body: received,
            milliseconds: performance.now() - begin,
          })
        })
        .on('error', reject)
    })
      .on('error', reject)
      .end(text)
  })
}
