import { setTimeout as wait } from 'node:timers/promises'
import { startBalancer } from '../../test/support/balancer.js'
import { type BenchServer, freePort } from '../server.js'
import { type ChaosOptions, type Experiment, type Row } from './experiment.js'
import { sqlitePlace } from './place.js'
import { split, startSteadyLoad } from './steady.js'
import { killWorkers } from './workers.js'

/** The load during the restarts, in requests a second. */
const rates = { claims: 100, login: 10, refresh: 5 }

/** The effect of a deployment on callers. */
export const restarts: Experiment = {
  name: 'restarts',
  promise:
    'Two servers behind a balancer that checks their readiness are restarted in turn under load, and no request fails. With WORKERS, a killed worker breaks only its own connections.',
  run: async (options) => [await restart(options), await killWorkers(options)],
}

/**
 * Restarts two servers in turn (SIGTERM; SIGKILL as a control) behind a balancer that sends 115
 * requests a second to a ready server.
 */
async function restart({
  quick,
  rounds = quick ? 2 : 20,
  control,
  progress,
}: ChaosOptions): Promise<Row> {
  // Both servers share one issuer, although their ports differ.
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
    // The balancer must notice that the server is ready, and send it some requests.
    await wait(500)
    progress(`restarted ${round + 1} of ${rounds} times, requests: ${split(load.sent)}`)
  }
  await load.stop()
  balancer.close()
  for (const server of servers) codes.push(await server.stop())
  place.remove()
  // A login that is refused because hashing is busy is not a fault of the restart.
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
      'refused as overloaded': refused,
      'exit codes': [...new Set(codes)].join(', '),
      'slowest stop, s': Math.max(...stops).toFixed(1),
      'slowest response, ms': Math.round(Math.max(...load.sent.map(({ due, done }) => done - due))),
    },
  }
}
