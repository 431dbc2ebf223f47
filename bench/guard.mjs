// The guard: the same route without it, with a token seen before, and with tokens never seen before, in one process; beside it a Fastify with this route alone, in
// others; all in turn. And the memory of seen tokens.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, rmSync } from 'node:fs'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { build } from 'esbuild'

const app = 'dist/bench/guard-app.mjs'
const connections = 32
const remembered = 10_000
/** More than the guard ever remembers, in turn: each is forgotten before it comes again. */
const never = 50_000

/** @param rounds how often each is measured @param seconds for how long each time */
export async function guard ({ rounds = 5, seconds = 4 } = {}) {
  await build({ entryPoints: ['bench/guard-app.ts'], outfile: app, bundle: true, format: 'esm', platform: 'node', packages: 'external', logLevel: 'warning' })
  const run = (...args) => execFileSync(process.execPath, [app, ...args], { encoding: 'utf8', maxBuffer: 1e9 }).trim().split('\n')
  const [key] = run('key')
  const tokens = run('tokens', key, String(never))
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const [bare, logged, product] = await Promise.all(['bare', 'logged', 'serve'].map(async (command) => await serve(command, key, join(folder, command))))

  let next = 0
  const headers = bearer(tokens[0])
  const kinds = {
    'bare Fastify': { server: bare, path: '/open', headers },
    'bare Fastify with our log': { server: logged, path: '/open', headers },
    'without the guard': { server: product, path: '/open', headers },
    'a token seen before': { server: product, path: '/claims', headers },
    'tokens never seen before': { server: product, path: '/claims', requests: [{ setupRequest: (request) => ({ ...request, headers: bearer(tokens[next++ % never]) }) }] }
  }
  const results = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, { server: { url, state }, path, ...options }] of Object.entries(kinds)) {
      const before = await state()
      const { requests, latency, non2xx, errors } = await autocannon({ ...options, url: `${url}${path}`, connections, duration: round < 0 ? 1 : seconds })
      if (non2xx + errors > 0) throw new Error(`${name}: ${non2xx} refused, ${errors} failed`)
      const { cpuMicroseconds } = await state()
      if (round >= 0) results[name].push({ rate: requests.average, cpu: (cpuMicroseconds - before.cpuMicroseconds) / requests.total, p99: latency.p99 })
    }
  }
  const ratio = (list, ceiling) => median(list.map(({ rate }, round) => rate / results[ceiling][round].rate)).toFixed(2)
  console.table(Object.fromEntries(Object.entries(results).map(([name, list]) => [name, {
    'requests/s': Math.round(median(list.map(({ rate }) => rate))),
    'of bare': ratio(list, 'bare Fastify'),
    'of bare with our log': ratio(list, 'bare Fastify with our log'),
    'of no guard': ratio(list, 'without the guard'),
    'CPU µs a request': Math.round(median(list.map(({ cpu }) => cpu))),
    'p99 ms': median(list.map(({ p99 }) => p99))
  }])))
  await Promise.all([bare, logged, product].map(async ({ stop }) => { await stop() }))
  rmSync(folder, { recursive: true })
  console.table({ [`${remembered} tokens remembered, MB`]: await memory(key, tokens.slice(0, remembered)) })
}

/** What a server needs more after it has seen as many tokens, in MB. */
async function memory (key, tokens) {
  const { url, state, stop } = await serve('serve', key, devNull)
  const see = async (list) => {
    let next = 0
    await autocannon({ url: `${url}/claims`, connections: 8, amount: list.length, requests: [{ setupRequest: (request) => ({ ...request, headers: bearer(list[next++]) }) }] })
  }
  await see(Array.from(tokens, () => tokens[0]))
  const before = await state()
  await see(tokens)
  const after = await state()
  await stop()
  return { heap: megabytes(after.heapBytes - before.heapBytes), resident: megabytes(after.residentBytes - before.residentBytes) }
}

/** Its log goes to a file, as under a service manager. */
async function serve (command, key, logFile) {
  const server = fork(app, [command, key], { execArgv: ['--expose-gc'], stdio: ['ignore', openSync(logFile, 'a'), 'inherit', 'ipc'] })
  const [url] = await once(server, 'message')
  return {
    url,
    state: async () => { server.send('state'); return (await once(server, 'message'))[0] },
    stop: async () => { server.kill(); await once(server, 'exit') }
  }
}

const bearer = (token) => ({ authorization: `Bearer ${token}` })
const megabytes = (bytes) => (bytes / 1e6).toFixed(1)
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
