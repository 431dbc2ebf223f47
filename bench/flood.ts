// Sends logins at 20 times the hash capacity of the server, beside a steady load on a protected
// route.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from './client.js'
import { type LoadReport, runLoad } from './load.js'
import { startServer } from './server.js'

/**
 * The flood: `times` the capacity, each measurement for `seconds`. `again` floods twice and
 * measures the capacity before and after, so that drift of the machine affects both alike.
 * `split` pins server and load to different cores, if the machine allows it.
 */
export interface FloodOptions {
  seconds: number
  times: number
  split: boolean
  again: boolean
}

/**
 * The result. Capacity and goodput are logins a second with 200 or 401, beside the load on the
 * protected route. `idle` is this load alone, `busy` is the load beside logins within the
 * capacity, each in its slowest measurement. Memory is in MiB; NaN if the system does not
 * report it.
 */
export interface FloodReport {
  split: boolean
  hashesAtOnce: number
  capacity: number
  offered: number
  goodput: number
  goodputOfCapacity: number
  idle: LoadReport
  busy: LoadReport
  flooded: LoadReport
  logins: LoadReport
  idleMemory: number
  peakMemory: number
}

const claimsPerSecond = 300
const password = 'brass-lantern-under-the-stair'

/** Starts a server, measures its capacity, and floods it. */
export async function flood({ seconds, times, split, again }: FloodOptions): Promise<FloodReport> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const half = Math.max(1, Math.floor(availableParallelism() / 2))
  const pinned = split && canPin()
  const on = (first: number, last: number) => (pinned ? ['taskset', '-c', `${first}-${last}`] : [])
  const [serverSide, loadSide] = [on(0, half - 1), on(half, availableParallelism() - 1)]
  // Figures are not steady while processes start and compile their code.
  const warmSeconds = Math.min(2, seconds / 3)
  const server = await startServer(folder, { RATE_LIMITS: 'off' }, serverSide)
  try {
    const reply = await createClient(30_000)(`${server.url}/signup`, {
      body: { email: 'ada@example.org', password },
    })
    const { access_token: token } = JSON.parse(reply.body) as { access_token: string }
    // An attacker tries known and unknown addresses, with right and wrong passwords.
    const logins = {
      url: `${server.url}/login`,
      messages: [
        ['ada', password],
        ['nobody', password],
        ['ada', 'wrong'],
        ['nobody', 'wrong'],
      ].map(([name, password]) => ({ body: { email: `${name}@example.org`, password } })),
    }
    const claims = {
      url: `${server.url}/claims`,
      messages: [{ token }],
      perSecond: claimsPerSecond,
      seconds,
      warmSeconds,
    }
    const hashesAtOnce = pinned ? half : availableParallelism()
    const idleMemory = memory(server.pid, 'VmRSS')
    const beside = async (how: { inFlight: number } | { perSecond: number }) =>
      await Promise.all([
        runLoad(claims, loadSide),
        runLoad({ ...logins, ...how, seconds, warmSeconds }, loadSide),
      ])
    const idle = await runLoad(claims, loadSide)
    const calm = [await beside({ inFlight: 2 * hashesAtOnce })]
    const offered = Math.round(times * average(calm))
    const floods = [await beside({ perSecond: offered })]
    if (again) {
      floods.push(await beside({ perSecond: offered }))
      calm.push(await beside({ inFlight: 2 * hashesAtOnce }))
    }
    const [capacity, goodput] = [average(calm), average(floods)]
    const [busy, flooded] = [slowest(calm), slowest(floods)]
    return {
      split: pinned,
      hashesAtOnce,
      capacity,
      offered,
      goodput,
      goodputOfCapacity: goodput / capacity,
      idle,
      busy: busy[0],
      flooded: flooded[0],
      logins: flooded[1],
      idleMemory,
      peakMemory: memory(server.pid, 'VmHWM'),
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

/**
 * Prints the table and writes dist/bench/flood.json.
 *
 * @param args `--seconds=5`, `--times=20`, `--shared` to let server and load share all cores
 */
export async function run(args: string[]): Promise<void> {
  const number = (name: string, byDefault: number) =>
    Number(args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? byDefault)
  const report = await flood({
    seconds: number('seconds', 5),
    times: number('times', 20),
    split: !args.includes('--shared'),
    again: true,
  })
  writeFileSync(
    'dist/bench/flood.json',
    JSON.stringify(
      { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, ...report },
      null,
      2,
    ),
  )
  const { idle, busy, flooded, logins, ...figures } = report
  console.table(
    Object.fromEntries(
      Object.entries(figures).map(([name, value]) => [
        name,
        typeof value === 'number' ? Math.round(value * 100) / 100 : value,
      ]),
    ),
  )
  console.table(
    Object.fromEntries(
      Object.entries({
        'claims idle': idle,
        'claims beside logins': busy,
        'claims flooded': flooded,
        logins,
      }).map(([name, { byStatus, seconds, ...rest }]) => [name, { ...rest, ...byStatus }]),
    ),
  )
}

/** The load on the protected route and the load of logins, at the same time. */
type Beside = [LoadReport, LoadReport]

function average(runs: Beside[]): number {
  return runs.reduce((sum, [, logins]) => sum + answered(logins), 0) / runs.length
}

/** Returns the run in which the protected route was slowest. */
function slowest(runs: Beside[]): Beside {
  return runs.reduce((worst, one) => (one[0].p99 > worst[0].p99 ? one : worst))
}

function answered({ byStatus, seconds }: LoadReport): number {
  return ((byStatus['200'] ?? 0) + (byStatus['401'] ?? 0)) / seconds
}

function canPin(): boolean {
  if (availableParallelism() < 2) return false
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function memory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  return process.platform === 'linux'
    ? Number(
        new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1],
      ) / 1024
    : NaN
}
