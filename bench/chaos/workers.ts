import { Agent, get } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { BenchServer } from '../server.js'
import type { ChaosOptions, Row } from './experiment.js'
import { sqlitePlace } from './place.js'

const clients = 40

/**
 * The outcome of a request: whether it was served, and the last request that its connection
 * served before.
 */
interface Call {
  ok: boolean
  before: string | undefined
}

/**
 * Kills one of two workers (SIGKILL) when both serve, at most once a second, under clients that
 * keep their connections.
 */
export async function killWorkers({
  quick,
  rounds = quick ? 1 : 20,
  control,
  progress,
}: ChaosOptions): Promise<Row> {
  const place = await sqlitePlace({ env: { WORKERS: '2' } })
  const server = await place.start()
  const killed = new Set<number>()
  const calls: Call[] = []
  const end = new AbortController()
  while (serving(server, killed).length < 2) await wait(20)
  const running = Array.from({ length: clients }, async () => {
    await call(server.url, calls, end.signal)
  })
  await wait(1000)
  for (let round = 1; round <= rounds && server.runs(); round++) {
    const [victim = 0] = serving(server, killed)
    process.kill(victim, 'SIGKILL')
    // The control does not record the last kill, so its connections count as those of others.
    killed.add(control && round === rounds ? -victim : victim)
    await wait(1000)
    while (serving(server, killed).length < (control && round === rounds ? 1 : 2)) await wait(20)
    progress(
      `worker killed ${round} of ${rounds} times, ${calls.filter(({ ok }) => !ok).length} of ${calls.length} requests failed`,
    )
  }
  end.abort()
  await Promise.all(running)
  const code = await server.stop()
  const owners = new Map(lines(server).map(({ request_id: id, pid }) => [id, Number(pid)]))
  const failed = calls.filter(({ ok }) => !ok)
  const owned = failed.filter(({ before }) => before !== undefined)
  const others = owned.filter(({ before }) => !killed.has(owners.get(before) ?? NaN)).length
  place.remove()
  return {
    what: 'one of two workers killed',
    kept: others === 0 && code === 0,
    figures: {
      times: rounds,
      requests: calls.length,
      failed: failed.length,
      'how they failed': `${owned.length - others} on connections of the worker, ${failed.length - owned.length} on new ones, ${others} on those of others`,
      'exit codes': String(code),
    },
  }
}

function lines(server: BenchServer): Array<Record<string, unknown>> {
  return server
    .log()
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function serving(server: BenchServer, killed: Set<number>): number[] {
  return lines(server)
    .filter(({ msg }) => String(msg).startsWith('Latchkey serves'))
    .map(({ pid }) => Number(pid))
    .filter((pid) => !killed.has(pid))
}

/** Runs one client on one connection at a time; it opens a new one if the connection breaks. */
async function call(url: string, calls: Call[], end: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const answered = new WeakMap<Socket, string>()
  while (!end.aborted) {
    const id = crypto.randomUUID()
    const result = await new Promise<Call>((resolve) => {
      const request = get(
        `${url}/.well-known/jwks.json`,
        { agent, headers: { 'x-request-id': id } },
        (reply) => {
          const { socket } = reply
          reply
            .resume()
            .on('end', () => {
              answered.set(socket, id)
              resolve({ ok: reply.statusCode === 200, before: undefined })
            })
            .on('error', failed)
        },
      )
      const failed = () => {
        resolve({
          ok: false,
          before: request.socket === null ? undefined : answered.get(request.socket),
        })
      }
      request.on('error', failed)
    })
    calls.push(result)
    await wait(50)
  }
  agent.destroy()
}
