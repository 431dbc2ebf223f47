import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { serverTimeouts } from '../../src/http/connections.js'
import { createClient } from '../client.js'
import { type BenchServer, memoryOf, openFiles } from '../server.js'
import { attacks, type Attack } from './attacks.js'
import { type ChaosOptions, type Experiment, quantile, type Row } from './experiment.js'
import { sqlitePlace } from './place.js'
import { type Probe, type Probed, startProbe } from './probing.js'
import { endsOf, holdMany } from './sockets.js'
import { split } from './steady.js'

/** Hostile clients must not affect other callers. */
export const hostile: Experiment = {
  name: 'hostile',
  promise:
    'Under slow headers, slow bodies, silent sockets, unread responses, oversized messages, abandoned logins and thousands of idle connections, the server responds to every other caller.',
  run: async (options) => {
    const place = await sqlitePlace()
    const first = await place.start()
    const account = { email: 'ada@example.org', password: 'brass-lantern-under-the-stair' }
    const reply = await createClient(10_000)(`${first.url}/signup`, { body: account })
    const { access_token: token } = JSON.parse(reply.body) as { access_token: string }
    // Restart: the memory of the password estimator at a sign-up would count as memory of
    // connections.
    await first.stop()
    const server = await place.start()
    const probe = await startProbe(server.url, token)
    const rows: Row[] = []
    try {
      for (const attack of attacks(options.quick, account)) {
        options.progress(attack.what)
        rows.push(await beside(server, probe, attack, options))
      }
    } finally {
      await probe.stop()
    }
    rows.push(await stopUnderSilence(server))
    place.remove()
    return rows
  },
}

/** The share of one core that a quiet server may use in addition to its earlier use. */
const idleShare = 0.25

/** Runs an attack beside the probe, and returns the observations of both. */
async function beside(
  server: BenchServer,
  probe: Probe,
  { what, run, allowed, closedWithin = Infinity, perConnection = false }: Attack,
  { quick, control }: ChaosOptions,
): Promise<Row> {
  probe.take()
  await wait(quick ? 1000 : 10_000)
  const idle = probe.take()
  const before = {
    files: openFiles(server.pid),
    memory: memoryOf(server.pid).resident,
    load: await coreShare(server),
  }
  probe.take()
  // The server stops for longer than the timeout of the probe.
  if (control) process.kill(server.pid, 'SIGSTOP')
  const resume = control
    ? wait(6000).then(() => {
        process.kill(server.pid, 'SIGCONT')
      })
    : undefined
  let peak = { files: 0, memory: 0 }
  // At least one second, because the effect of a shorter attack comes after it.
  const [{ ends, notes }] = await Promise.all([
    run(server, () => {
      peak = { files: openFiles(server.pid), memory: memoryOf(server.pid).resident }
    }),
    wait(1000),
    resume,
  ])
  const during = probe.take()
  const begin = performance.now()
  const isQuiet = async () =>
    (await coreShare(server)) <= before.load + idleShare &&
    openFiles(server.pid) <= before.files + 20
  while (!(await isQuiet()) && performance.now() - begin < 10_000);
  const quiet = (performance.now() - begin) / 1000
  const after = probe.take()
  const errors = [...during, ...after].filter(({ outcome }) => outcome !== '200')
  const statuses = ends.flatMap(({ statuses }) => statuses)
  const lived = ends.map(({ seconds }) => seconds).filter((seconds) => seconds !== undefined)
  const maxSeconds = Math.max(...lived.map((seconds) => seconds ?? Infinity))
  const strange = statuses.filter((status) => !allowed.includes(status))
  return {
    what,
    // Without responses during the attack, the probe has observed nothing.
    kept:
      errors.length === 0 &&
      during.length > 0 &&
      server.runs() &&
      strange.length === 0 &&
      maxSeconds <= closedWithin &&
      quiet <= 4,
    figures: {
      connections: `${lived.length}${lived.length < ends.length ? ` of ${ends.length}` : ''}`,
      'probe: errors': `${errors.length} of ${during.length + after.length}${errors.length > 0 ? ` (${split(errors)})` : ''}`,
      'probe p99 before → during, ms': `${p99(idle)} → ${p99(during)}`,
      'closed by the server after, s (median, max)':
        closedWithin === Infinity
          ? ''
          : `${quantile(
              lived.map((seconds) => seconds ?? Infinity),
              0.5,
            ).toFixed(1)}, ${maxSeconds.toFixed(1)}`,
      responses: split(statuses.map((outcome) => ({ outcome }))),
      'open files before, during, after': `${before.files}, ${peak.files}, ${openFiles(server.pid)}`,
      'MiB before, during': `${before.memory.toFixed(0)}, ${peak.memory.toFixed(0)}${perConnection ? ` (${(((peak.memory - before.memory) * 1024) / lived.length).toFixed(1)} KiB each)` : ''}`,
      'quiet after, s': quiet.toFixed(1),
      notes,
    },
  }
}

/** Sends SIGTERM while connections are silent or stopped half-way. */
async function stopUnderSilence(server: BenchServer): Promise<Row> {
  const held = await holdMany(Number(new URL(server.url).port), 300)
  const halves = [
    '',
    'GET /claims HTTP/1.1\r\nhost: a\r\n',
    'POST /login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{"email":',
  ]
  for (const [index, { socket }] of held.entries()) socket.write(halves[index % 3] ?? '')
  await wait(200)
  const begin = performance.now()
  const code = await server.stop()
  const seconds = (performance.now() - begin) / 1000
  await endsOf(held, 1)
  return {
    what: 'SIGTERM beside silent and half-sent requests',
    kept: code === 0 && seconds <= 1 + serverTimeouts.arrivalTimeout / 1000,
    figures: { connections: held.length, notes: `code ${code} after ${seconds.toFixed(1)} s` },
  }
}

function p99(probed: Probed[]): string {
  return quantile(
    probed.map(({ milliseconds }) => milliseconds),
    0.99,
  ).toFixed(1)
}

/** Measures the share of one core that a process uses, over half a second. Linux. */
async function coreShare({ pid }: BenchServer): Promise<number> {
  // In hundredths of a second, after the name in brackets (proc_pid_stat(5)).
  const used = () =>
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .slice(11, 13)
      .reduce((sum, ticks) => sum + Number(ticks) / 100, 0)
  const [begin, before] = [performance.now(), used()]
  await wait(500)
  return ((used() - before) * 1000) / (performance.now() - begin)
}
