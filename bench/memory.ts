// `npm run bench -- memory`: what a process keeps after a burst of logins, by the settings of glibc's
// allocator. Each hash takes ARGON2_MEMORY_KIB, and glibc keeps much of that for later.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from './client.js'
import { load } from './sample.js'
import { type BenchServer, memoryOf, startServer } from './server.js'
import { median } from './statistics.js'

/** How many logins are sent, and how many seconds later the memory is read. */
export interface BurstExtent {
  rounds: number
  logins: number
  waitSeconds: number
}

/**
 * One burst: logins a second, CPU time of the server for each, and resident memory at its end
 * and after the wait, in MiB. On a busy machine the CPU time says more than the rate.
 */
export interface Burst {
  perSecond: number
  cpuMilliseconds: number
  endMiB: number
  laterMiB: number
}

/** What the image and the unit of docs/deploy.md set. */
export const shipped = 'MALLOC_ARENA_MAX=2'

/** Environment variables of the process, as `NAME=value NAME=value`. */
const allocators = [
  '',
  'MALLOC_ARENA_MAX=2',
  'MALLOC_MMAP_THRESHOLD_=4194304',
  'MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=4194304',
]

const password = 'brass-lantern-under-the-stair'
const connections = 8

/** Prints the medians of three rounds. */
export async function run(): Promise<void> {
  const bursts = await measureBursts(allocators, { rounds: 3, logins: 300, waitSeconds: 60 })
  const rows = Object.entries(bursts).map(([allocator, samples]) => [
    allocator === '' ? 'default' : allocator,
    {
      'logins a second': middle(samples, 'perSecond', 1),
      'CPU ms a login': middle(samples, 'cpuMilliseconds', 1),
      'MiB at the end': middle(samples, 'endMiB'),
      'MiB a minute later': middle(samples, 'laterMiB'),
      'each minute later': samples.map(({ laterMiB }) => Math.round(laterMiB)).join(' '),
    },
  ])
  console.table(Object.fromEntries(rows))
}

/**
 * Sends logins to a fresh server for each environment in turn, round by round. The servers of a
 * round wait together.
 *
 * @param environments as `NAME=value NAME=value`
 */
export async function measureBursts(
  environments: string[],
  { rounds, logins, waitSeconds }: BurstExtent,
): Promise<Record<string, Burst[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const results: Record<string, Burst[]> = Object.fromEntries(environments.map((one) => [one, []]))
  const servers: BenchServer[] = []
  const start = async (settings: Record<string, string> = {}, name = 'accounts') => {
    mkdirSync(join(folder, name), { recursive: true })
    const server = await startServer(join(folder, name), {
      DATABASE_URL: `file:${join(folder, 'latchkey.db')}`,
      RATE_LIMITS: 'off',
      HASH_QUEUE_MS: '30000',
      ...settings,
    })
    servers.push(server)
    return server
  }
  const login = { email: 'ada@example.org', password }
  try {
    // By a process of its own: judging a new password takes memory, too.
    const first = await start()
    await createClient(30_000)(`${first.url}/signup`, { body: login })
    await first.stop()
    for (let round = 0; round < rounds; round++)
      await Promise.all(
        await inTurn(environments, async (environment) => {
          const settings = environment.split(' ').map((one) => one.split('='))
          const server = await start(
            environment === '' ? {} : (Object.fromEntries(settings) as Record<string, string>),
            `${round}-${environment}`,
          )
          const before = cpuOf(server.pid)
          const { perSecond } = await load({
            url: `${server.url}/login`,
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(login),
            connections,
            amount: logins,
          })
          const cpuMilliseconds = (cpuOf(server.pid) - before) / logins
          const endMiB = memoryOf(server.pid).resident
          // Not awaited here: the next burst begins meanwhile.
          return {
            later: wait(waitSeconds * 1000).then(async () => {
              const laterMiB = memoryOf(server.pid).resident
              results[environment]?.push({ perSecond, cpuMilliseconds, endMiB, laterMiB })
              await server.stop()
            }),
          }
        }),
      )
    return results
  } finally {
    await Promise.all(servers.filter(({ runs }) => runs()).map(async ({ kill }) => await kill()))
    rmSync(folder, { recursive: true })
  }
}

/** The bursts as lines of the table of all benches. */
export function burstLines(
  bursts: Record<string, Burst[]>,
  waitSeconds: number,
): Array<Record<'what' | 'figure' | 'target', string>> {
  return Object.entries(bursts).map(([environment, samples]) => ({
    what: `memory ${waitSeconds} s after a burst of logins${environment && `, ${environment}`}`,
    figure: `${middle(samples, 'laterMiB')} MiB`,
    target: '',
  }))
}

function middle(samples: Burst[], figure: keyof Burst, digits = 0): string {
  return median(samples.map((sample) => sample[figure])).toFixed(digits)
}

/** CPU time of a process so far, in milliseconds. Linux; NaN elsewhere. */
function cpuOf(pid: number): number {
  if (process.platform !== 'linux') return NaN
  // In hundredths of a second, after the name in parentheses: proc_pid_stat(5).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function inTurn(
  environments: string[],
  call: (environment: string) => Promise<{ later: Promise<void> }>,
): Promise<Array<Promise<void>>> {
  const later: Array<Promise<void>> = []
  for (const environment of environments) later.push((await call(environment)).later)
  return later
}
