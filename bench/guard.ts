// Measures the guard in turn: a route without it, with a token seen before, and with new tokens, in
// one process; and the same route in a bare Fastify, in other processes. Also measures the memory
// of remembered tokens.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon, { type Options } from 'autocannon'
import { buildProgram, type Child, startChild } from './child.js'
import { measureProofs } from './proofs.js'
import { median } from './statistics.js'

const connections = 32
const remembered = 10_000
/** More tokens than the guard remembers: it forgets each before its next use. */
const never = 50_000
const rounds = 9
const seconds = 2

interface Figures {
  rate: number
  cpu: number
  p99: number
}

/** Prints the tables. */
export async function run(): Promise<void> {
  const [app, bareApp] = [await buildProgram('guard-app'), await buildProgram('bare-app')]
  const ask = (...args: string[]) =>
    execFileSync(process.execPath, [app, ...args], { encoding: 'utf8', maxBuffer: 1e9 })
      .trim()
      .split('\n')
  const [key = ''] = ask('key')
  const tokens = ask('tokens', key, String(never))
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const start = async (program: string, ...args: string[]) =>
    await startChild(program, args, join(folder, `${args[0]}.log`))
  const [bare, logged, product] = [
    await start(bareApp, 'bare'),
    await start(bareApp, 'logged'),
    await start(app, 'serve', key),
  ]

  let next = 0
  const headers = bearer(tokens[0])
  const kinds: Record<string, { child: Child; path: string } & Partial<Options>> = {
    'bare Fastify': { child: bare, path: '/claims', headers },
    'bare Fastify with our log': { child: logged, path: '/claims', headers },
    'without the guard': { child: product, path: '/open', headers },
    'a token seen before': { child: product, path: '/claims', headers },
    'tokens never seen before': {
      child: product,
      path: '/claims',
      requests: [
        { setupRequest: (request) => ({ ...request, headers: bearer(tokens[next++ % never]) }) },
      ],
    },
  }
  const results: Record<string, Figures[]> = Object.fromEntries(
    Object.keys(kinds).map((name) => [name, []]),
  )
  for (let round = -1; round < rounds; round++) {
    for (const [name, { child, path, ...options }] of Object.entries(kinds)) {
      const before = await child.state()
      const { requests, latency, duration, non2xx, errors } = await autocannon({
        ...options,
        url: `${child.url}${path}`,
        connections,
        duration: round < 0 ? 1 : seconds,
      })
      if (non2xx + errors > 0) throw new Error(`${name}: ${non2xx} refused, ${errors} failed`)
      const { cpuMicroseconds } = await child.state()
      if (round >= 0)
        results[name]?.push({
          rate: requests.total / duration,
          cpu: (cpuMicroseconds - before.cpuMicroseconds) / requests.total,
          p99: latency.p99,
        })
    }
  }
  const ratio = (list: Figures[], to: string) =>
    median(list.map(({ rate }, round) => rate / (results[to]?.[round]?.rate ?? NaN))).toFixed(2)
  console.table(
    Object.fromEntries(
      Object.entries(results).map(([name, list]) => [
        name,
        {
          'requests/s': Math.round(median(list.map(({ rate }) => rate))),
          'of bare': ratio(list, 'bare Fastify'),
          'of bare with our log': ratio(list, 'bare Fastify with our log'),
          'of no guard': ratio(list, 'without the guard'),
          'CPU µs a request': Math.round(median(list.map(({ cpu }) => cpu))),
          'p99 ms': median(list.map(({ p99 }) => p99)),
        },
      ]),
    ),
  )
  await Promise.all(
    [bare, logged, product].map(async ({ stop }) => {
      await stop()
    }),
  )
  rmSync(folder, { recursive: true })
  console.table({
    [`${remembered} tokens remembered, MB`]: await memory(
      await startChild(app, ['serve', key], devNull),
      tokens.slice(0, remembered),
    ),
  })
  console.table(await measureProofs())
}

/** Measures the additional memory of a server after it has seen these tokens, in MB. */
async function memory({ url, state, stop }: Child, tokens: string[]): Promise<object> {
  const see = async (list: string[]) => {
    let next = 0
    await autocannon({
      url: `${url}/claims`,
      connections: 8,
      amount: list.length,
      requests: [{ setupRequest: (request) => ({ ...request, headers: bearer(list[next++]) }) }],
    })
  }
  await see(tokens.map(() => String(tokens[0])))
  const before = await state()
  await see(tokens)
  const after = await state()
  await stop()
  return {
    heap: megabytes(after.heapBytes - before.heapBytes),
    resident: megabytes(after.residentBytes - before.residentBytes),
  }
}

const bearer = (token = '') => ({ authorization: `Bearer ${token}` })
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
