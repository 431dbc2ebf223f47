import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { startServer } from '../server.js'
import { type Experiment, quantile, type Row } from './experiment.js'
import { openScenes, type Scene, type SceneName, sceneNames } from './failover-scenes.js'
import {
  type Kind,
  needsDatabase,
  type Sent,
  split,
  startSteadyLoad,
  type SteadyLoad,
} from './steady.js'

/** Failures of databases that have another server to continue with. */
export const failover: Experiment = {
  name: 'failover',
  promise:
    'With a synchronous standby, no acknowledged sign-up is lost when the primary fails. No reply is 500, /claims is unaffected, and writes work within 5 s of the promotion.',
  run: async ({ quick, rounds = quick ? 2 : 20, control, progress }) => {
    const names = control ? (['lagging'] as const) : sceneNames
    return await measureFailovers(names, { rounds, control, progress })
  },
}

/** The cheapest allowed hash, so that hashing does not dominate the measurement. */
const settings = { ARGON2_MEMORY_KIB: '7168', ARGON2_PASSES: '5' }

/** The promised max time from the promotion to writes, in milliseconds. */
const promised = 5000

/**
 * Runs some of the scenes, each with a server of its own under load.
 *
 * @param control expects no losses where replication lags: the row is not kept
 */
export async function measureFailovers(
  names: readonly SceneName[],
  options: { rounds: number; control: boolean; progress: (line: string) => void },
): Promise<Row[]> {
  const rows: Row[] = []
  const scenes = await openScenes(options.progress)
  try {
    for (const name of names) {
      const scene = await scenes.open(name)
      if (scene !== null) rows.push(await measure(scene, options))
    }
  } finally {
    await scenes.close()
  }
  return rows
}

async function measure(
  scene: Scene,
  {
    rounds,
    control,
    progress,
  }: { rounds: number; control: boolean; progress: (line: string) => void },
): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-failover-'))
  const server = await startServer(folder, { ...settings, ...scene.env })
  const load = await startSteadyLoad(server.url, scene.rates, scene.headers).catch(
    async (error: unknown) => {
      await server.kill()
      throw error
    },
  )
  const recoveries: number[] = []
  // This process starts servers and copies their data: requests are late while it is busy.
  const stalls = monitorEventLoopDelay({ resolution: 5 })
  stalls.enable()
  try {
    for (let round = 1; round <= rounds; round++) {
      await wait(500 + Math.random() * 1000)
      const promoted = await scene.fail()
      await untilBack(load, promoted)
      await wait(1000)
      recoveries.push(recoveryOf(load.sent, promoted))
      await scene.rejoin()
      progress(`${scene.what}: ${round} of ${rounds}, ${load.acknowledged.length} acknowledged`)
    }
  } catch (error) {
    await server.kill()
    throw error
  } finally {
    await load.stop()
  }
  stalls.disable()
  const stalled = stalls.max / 1e6
  const stored = await scene.stored()
  const isAlive = server.runs()
  await server.stop()
  rmSync(folder, { recursive: true })
  return judge(scene, { load, stored, recoveries, stalled, rounds, isAlive, control })
}

/** Waits until every kind of request that needs the database succeeded, at most 15 seconds. */
async function untilBack({ sent }: SteadyLoad, promoted: number): Promise<void> {
  const end = performance.now() + 15_000
  const isBack = (kind: Kind) =>
    sent.some((one) => one.kind === kind && one.due > promoted && isGood(one.outcome))
  while (!isBack('signup') && performance.now() < end) await wait(20)
}

/** The milliseconds from a promotion to the last failure, or to the first success. */
function recoveryOf(sent: Sent[], promoted: number): number {
  const later = sent.filter(({ kind, due }) => needsDatabase.includes(kind) && due > promoted)
  const failed = later.filter(({ outcome }) => outcome.startsWith('503 unavailable'))
  const written = later.filter(({ kind, outcome }) => kind === 'signup' && isGood(outcome))
  return Math.max(
    Math.min(...written.map(({ done }) => done - promoted)),
    ...failed.map(({ done }) => done - promoted),
  )
}

/** What the clients of a scene saw, and what the database has after it. */
export interface Outcome {
  load: Pick<SteadyLoad, 'sent' | 'invoked' | 'acknowledged' | 'refused'>
  /** The addresses of the database. */
  stored: string[]
  recoveries: number[]
  /** The longest time in which the experiment sent nothing, in milliseconds. */
  stalled: number
  rounds: number
  isAlive: boolean
  control: boolean
}

/**
 * Compares the replies with the database, as Jepsen's "set" test does. Acknowledged addresses
 * must be stored. Refused ones, and ones that were not sent, must not be.
 */
export function judge(
  { what, mustLose, spares = [] }: Pick<Scene, 'what' | 'mustLose' | 'spares'>,
  { load, stored, recoveries, stalled, rounds, isAlive, control }: Outcome,
): Row {
  const present = new Set(stored)
  const [invoked, refused] = [new Set(load.invoked), new Set(load.refused)]
  const lost = load.acknowledged.filter((email) => !present.has(email)).length
  const phantoms = stored.filter((email) => !invoked.has(email) || refused.has(email)).length
  const doubled = stored.length - present.size
  const claims = load.sent.filter(({ kind }) => kind === 'claims' || kind === 'live')
  const claimsErrors = claims.filter(({ outcome }) => !isGood(outcome)).length
  const others = load.sent.filter(({ kind }) => needsDatabase.includes(kind))
  const wrong = others.filter(
    ({ outcome, kind }) =>
      !isGood(outcome) &&
      outcome !== '503 overloaded' &&
      // The tokens of a lost account.
      !(mustLose === true && outcome === '401') &&
      (outcome !== '503 unavailable' || spares.includes(kind)),
  )
  const errors = load.sent.filter(({ outcome }) => outcome === '500').length
  const slowest = quantile(recoveries, 1)
  return {
    what,
    kept:
      // A control that is not seen to lose something proves nothing.
      (mustLose === true && !control ? lost > 0 : lost === 0) &&
      phantoms === 0 &&
      doubled === 0 &&
      wrong.length === 0 &&
      claimsErrors === 0 &&
      slowest <= promised &&
      isAlive,
    figures: {
      rounds,
      acknowledged: load.acknowledged.length,
      lost: mustLose === true ? `${lost} (must be found)` : lost,
      'refused, but stored': phantoms + doubled,
      '500s': errors,
      'writes work after, s (median, max)': `${seconds(quantile(recoveries, 0.5))}, ${seconds(slowest)}`,
      '/claims, live: errors': `${claimsErrors} of ${claims.length}`,
      '/claims p99, ms': quantile(
        claims.map(({ due, done }) => done - due),
        0.99,
      ).toFixed(1),
      'experiment stalled, ms': Math.round(stalled),
      'the rest': split(others),
      ...(wrong.length > 0 && { wrong: split(wrong) }),
    },
  }
}

const isGood = (outcome: string) => /^2\d\d$/.test(outcome)
const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(1)
