// The guard: the same route without it, with a token seen before, and with tokens never seen before, in one process and in turn; and the memory of seen tokens.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
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
  const { url, state, stop } = await serve(key)

  let next = 0
  const kinds = {
    'without the guard': { url: `${url}/open`, headers: bearer(tokens[0]) },
    'a token seen before': { url: `${url}/claims`, headers: bearer(tokens[0]) },
    'tokens never seen before': { url: `${url}/claims`, requests: [{ setupRequest: (request) => ({ ...request, headers: bearer(tokens[next++ % never]) }) }] }
  }
  const results = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, options] of Object.entries(kinds)) {
      const before = await state()
      const { requests, latency, non2xx, errors } = await autocannon({ ...options, connections, duration: round < 0 ? 1 : seconds })
      if (non2xx + errors > 0) throw new Error(`${name}: ${non2xx} refused, ${errors} failed`)
      const { cpuMicroseconds } = await state()
      if (round >= 0) results[name].push({ rate: requests.average, cpu: (cpuMicroseconds - before.cpuMicroseconds) / requests.total, p99: latency.p99 })
    }
  }
  const bare = results['without the guard']
  console.table(Object.fromEntries(Object.entries(results).map(([name, list]) => [name, {
    'requests/s': Math.round(median(list.map(({ rate }) => rate))),
    'of the route without the guard': median(list.map(({ rate }, round) => rate / bare[round].rate)).toFixed(2),
    'CPU µs a request': Math.round(median(list.map(({ cpu }) => cpu))),
    'p99 ms': median(list.map(({ p99 }) => p99))
  }])))
  await stop()
  console.table({ [`${remembered} tokens remembered, MB`]: await memory(key, tokens.slice(0, remembered)) })
}

/** What a server needs more after it has seen as many tokens, in MB. */
async function memory (key, tokens) {
  const { url, state, stop } = await serve(key)
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

async function serve (key) {
  const server = fork(app, ['serve', key], { execArgv: ['--expose-gc'], stdio: 'inherit' })
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
