// Start-up time and idle memory of the built program on an existing database, as an operator starts it: `node dist/main.js`.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const rounds = 7
const main = resolve('dist/main.js')

execFileSync(process.execPath, ['build.mjs'], { stdio: 'inherit' })
const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
const env = { PATH: process.env.PATH, PORT: String(await freePort()) }
await round()
const results = []
for (let i = 0; i < rounds; i++) results.push(await round())
rmSync(folder, { recursive: true })
console.table({
  'node alone, ms': summary(Array.from({ length: rounds }, nodeAlone)),
  'start to listening, ms': summary(results.map(({ ms }) => ms)),
  'idle memory, MiB': summary(results.map(({ mib }) => mib))
})

/** One start: milliseconds until it serves, and the resident memory two seconds later (Linux; NaN elsewhere). */
async function round () {
  const begin = performance.now()
  const child = spawn(process.execPath, [main], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => { if (String(chunk).includes('Latchkey serves')) resolve() })
    child.once('exit', () => { reject(new Error('ended before it served')) })
  })
  const ms = performance.now() - begin
  await wait(2000)
  const mib = process.platform === 'linux' ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024 : NaN
  const ended = new Promise((resolve) => { child.once('exit', resolve) })
  child.kill('SIGTERM')
  await ended
  return { ms, mib }
}

function nodeAlone () {
  const begin = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  return performance.now() - begin
}

function summary (figures) {
  const sorted = figures.map(Math.round).sort((a, b) => a - b)
  return { min: sorted[0], median: sorted[Math.floor(sorted.length / 2)], max: sorted.at(-1) }
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => { server.once('listening', resolve) })
  const { port } = server.address()
  await new Promise((resolve) => { server.close(resolve) })
  return port
}
