import { setTimeout as wait } from 'node:timers/promises'
import { startBalancer } from '../../test/support/balancer.js'
import { type BenchServer, freePort } from '../server.js'
import { type ChaosOptions, type Experiment, type Row } from './experiment.js'
import { sqlitePlace } from './place.js'
import { split, startSteadyLoad } from './steady.js'
import { killWorkers } from './workers.js'

/** Requests a second that go on meanwhile. */
const rates = { claims: 100, login: 10, refresh: 5 }

/** What a deployment does to those who call. */
export const restarts: Experiment = {
  name: 'restarts',
  promise:
    'Two servers behind a balancer that asks for readiness are restarted in turn under load, and no request fails. With WORKERS, a worker that is killed takes only its own connections along.',
  run: async (options) => [await restart(options), await killWorkers(options)],
}

/**
 * Restarts two servers in turn (SIGTERM; SIGKILL as a control) behind a balancer that sends 115
 * requests a second to whichever is ready.
 */
async function restart({
  quick,
  rounds = quick ? 2 : 20,
  control,
  progress,
}: ChaosOptions): Promise<Row> {
  // One issuer, whatever their ports.
  const place = await sqlitePlace({ env: { PUBLIC_URL: 'https://auth.example.org' } })
  const ports = [String(await freePort()), String(await freePort())] as const
  const servers: BenchServer[] = [
    await place.start({ PORT: ports[0] }),
    await place.start({ PORT: ports[1] }),
  ]
  const balancer = await startBalancer(servers.map(({ url }) => url))
  const load = await startSteadyLoad(balancer.url, rates)
  const codes: Array<number | null> = []
  const stops: number[] = []
  await wait(1000)
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now()
    const server = servers[round % 2] as BenchServer
    if (control) await server.kill()
    else codes.push(await server.stop())
    stops.push((performance.now() - begin) / 1000)
    servers[round % 2] = await place.start({ PORT: ports[(round % 2) as 0 | 1] })
    // Until the balancer has seen that it is back, and some requests have gone there.
    await wait(500)
    progress(`restarted ${round + 1} of ${rounds} times, requests: ${split(load.sent)}`)
  }
  await load.stop()
  balancer.close()
  for (const server of servers) codes.push(await server.stop())
  place.remove()
  // A login that is refused because the machine is busy has nothing to do with the restart.
  const refused = load.sent.filter(({ outcome }) => outcome === '503 overloaded').length
  const failed = load.sent.filter(({ outcome }) => !['200', '503 overloaded'].includes(outcome))
  return {
    what: `two servers restarted in turn${control ? ', killed' : ''}`,
    kept: failed.length === 0 && codes.every((code) => code === 0) && Math.max(...stops) <= 10,
    figures: {
      times: rounds,
      requests: load.sent.length,
      failed: failed.length,
      'how they failed': split(failed),
      'refused as too many': refused,
      'exit codes': [...new Set(codes)].join(', '),
      'longest stop, s': Math.max(...stops).toFixed(1),
      'longest answer, ms': Math.round(Math.max(...load.sent.map(({ due, done }) => done - due))),
    },
  }
}
