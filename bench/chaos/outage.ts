import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import type { BenchServer } from '../server.js'
import { quantile, type Row } from './experiment.js'
import type { Place } from './place.js'
import { needsDatabase, type Sent, split, startSteadyLoad } from './steady.js'

/** A fault of a database that can be undone. */
export interface Fault {
  what: string
  /** Starts the fault. Returns the function that ends it. */
  begin: () => Promise<() => Promise<void>>
  /** The kinds of requests that must not fail: a write lock does not affect reads. */
  spares?: readonly string[]
  /** Whether all requests may succeed: a fault that ends within the bounds may be invisible. */
  mayPass?: boolean
}

/** The promises, in milliseconds. */
const promised = { answer: 2000, recovery: 5000 }

/**
 * The time of a request without the database, but with hashing, on an idle machine, in
 * milliseconds.
 */
const work = 200

/** The time before the fault that serves as the steady state, in milliseconds. */
const steady = 1000

/**
 * The durations of a measurement under load in seconds: before the fault, during it, and after
 * it.
 */
const watched = {
  full: { before: 2.5, during: 10, after: promised.recovery / 1000 + 1 },
  quick: { before: 1.5, during: 2.5, after: 1 },
}

/**
 * Puts a server under steady load, starts and ends the fault, and returns the observations of
 * the clients.
 */
export async function measureOutage(
  place: Place,
  server: BenchServer,
  { what, begin, spares = [], mayPass = false }: Fault,
  quick: boolean,
): Promise<Row> {
  const { before, during: lasting, after } = watched[quick ? 'quick' : 'full']
  const stalls = monitorEventLoopDelay({ resolution: 5 })
  stalls.enable()
  const load = await startSteadyLoad(server.url)
  await wait(before * 1000)
  const broken = performance.now()
  const mend = await begin()
  await wait(Math.max(0, lasting * 1000 - (performance.now() - broken)))
  await mend()
  const mended = performance.now()
  await wait(after * 1000)
  const isBack = (kind: string) =>
    load.sent.some((one) => one.kind === kind && one.done > mended && isGood(one.outcome))
  while (!needsDatabase.every(isBack) && performance.now() < mended + promised.recovery + 1000)
    await wait(50)
  await load.stop()
  // A busy machine stalls this process, and also stalls the server before the fault.
  const stall = Math.max(
    stalls.max / 1e6,
    ...load.sent
      .filter(({ kind, due }) => kind === 'claims' && due >= broken - steady && due < broken)
      .map(took),
  )
  const room = work + 2 * stall

  const during = load.sent.filter(({ due, done }) => done > broken && due < mended)
  const others = during.filter(({ kind }) => needsDatabase.includes(kind))
  const free = during.filter(({ kind }) => !needsDatabase.includes(kind))
  const claims = (from: number, to: number) =>
    quantile(
      load.sent.filter(({ kind, due }) => kind === 'claims' && due >= from && due < to).map(took),
      0.99,
    )
  const late = load.sent.filter(
    ({ kind, outcome, due }) =>
      needsDatabase.includes(kind) && due > mended && !isGood(outcome) && outcome !== shed,
  )
  const recovery = Math.max(
    0,
    ...late.map(({ done }) => done - mended),
    ...needsDatabase.map((kind) =>
      Math.min(
        ...load.sent
          .filter((one) => one.kind === kind && one.done > mended && isGood(one.outcome))
          .map(({ done }) => done - mended),
      ),
    ),
  )
  const bad = load.sent.filter(
    ({ kind, outcome }) =>
      !isGood(outcome) &&
      (!needsDatabase.includes(kind) || !['503 unavailable', shed].includes(outcome)),
  )
  const slowest = Math.max(0, ...others.map(took))
  const p99 = { before: claims(broken - steady, broken), during: claims(broken, mended) }
  const rows = new Set((await place.query('SELECT email FROM users')).map(({ email }) => email))
  const lost = load.acknowledged.filter((email) => !rows.has(email)).length
  const failed = others.some(
    ({ kind, outcome }) => !spares.includes(kind) && outcome === '503 unavailable',
  )
  const spoilt = others.filter(
    ({ kind, outcome }) => spares.includes(kind) && !isGood(outcome),
  ).length
  const kept =
    bad.length === 0 &&
    lost === 0 &&
    spoilt === 0 &&
    (failed || mayPass) &&
    slowest <= promised.answer + room &&
    recovery <= promised.recovery + room &&
    server.runs() &&
    p99.during <= Math.max(5 * p99.before, 50 + 2 * stall)
  return {
    what,
    kept,
    figures: {
      database: place.kind,
      'fault, s': Math.round((mended - broken) / 100) / 10,
      '/claims, live: errors': `${free.filter(({ outcome }) => !isGood(outcome)).length} of ${free.length}`,
      '/claims p99 before → during, ms': `${p99.before.toFixed(1)} → ${p99.during.toFixed(1)}`,
      'the rest': split(others),
      'slowest response, ms': Math.round(slowest),
      'machine stalled, ms': Math.round(stall),
      'recovered after, s': (recovery / 1000).toFixed(1),
      'lost sign-ups': `${lost} of ${load.acknowledged.length}`,
      ...(bad.length > 0 && { wrong: split(bad) }),
    },
  }
}

/** Requests that are refused because hashing is busy are not faults of the database. */
const shed = '503 overloaded'

const took = ({ due, done }: Sent) => done - due
const isGood = (outcome: string) => /^2\d\d$/.test(outcome)
