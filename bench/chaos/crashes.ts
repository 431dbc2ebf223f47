import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from '../client.js'
import type { BenchServer } from '../server.js'
import { type Found, type History, settle } from './account.js'
import { live, signUp, startMailServer } from './clients.js'
import { type ChaosOptions, type Experiment, quantile, type Row } from './experiment.js'
import { type Place, postgresPlace, sqlitePlace } from './place.js'

const clients = 8

/**
 * How long a client waits for an answer, in milliseconds: longer than a machine that is busy
 * with something else needs, since an answer that is not waited for is hashed all the same.
 */
const timeoutMilliseconds = 60_000

/** Crashes in the midst of writing. */
export const crashes: Experiment = {
  name: 'crashes',
  promise:
    'What was acknowledged survives kill -9: no sign-up, password change, reset, "log out everywhere" or deletion is lost, doubled or half-done.',
  run: async (options) => {
    const rounds = (many: number, few: number) => options.rounds ?? (options.quick ? few : many)
    const mail = await startMailServer()
    const env = { SMTP_URL: mail.url }
    const rows: Row[] = []
    try {
      const sqlite = await sqlitePlace({ env })
      rows.push(await crash(sqlite, 'server', rounds(200, 1), mail.mails, options))
      sqlite.remove()
      const postgres = await postgresPlace({ env })
      if (!options.quick)
        rows.push(await crash(postgres, 'server', options.rounds ?? 50, mail.mails, options))
      rows.push(
        await crash(postgres, 'postmaster', rounds(50, 1), mail.mails, options, async () => {
          await postgres.database('kill')
          await postgres.database('start')
        }),
      )
      postgres.remove()
    } finally {
      mail.close()
    }
    return rows
  },
}

/**
 * Kills something again and again under clients that write, and compares what they were told
 * with what is there.
 *
 * @param killDatabase kills the database and starts it again; without it the server is killed
 */
export async function crash(
  place: Place,
  what: string,
  rounds: number,
  mails: Map<string, string>,
  { control, progress }: Pick<ChaosOptions, 'control' | 'progress'>,
  killDatabase?: () => Promise<void>,
): Promise<Row> {
  const histories = new Map<string, History>()
  const tally = { ok: 0, refused: 0, open: 0 }
  const wrong: string[] = []
  const recoveries: number[] = []
  let openThenDone = 0
  let server: BenchServer = await place.start()
  const before = new Set(
    (await place.query('SELECT email FROM users')).map(({ email }) => String(email)),
  )
  for (let round = 1; round <= rounds; round++) {
    const touched = new Set(histories.keys())
    const send = createClient(timeoutMilliseconds, clients)
    let going = true
    const deps = { send, url: server.url, histories, mails, tally }
    // Of those that change all the time none need be left to lie about.
    if (control && round === rounds) await signUp(deps)
    const running = Array.from({ length: clients }, async () => {
      await live(deps, () => going)
    })
    const { ok } = tally
    // A server that has just started takes its time over the first sign-ups.
    while (tally.ok < ok + clients && server.runs()) await wait(5)
    await wait(Math.random() * 700)
    if (killDatabase === undefined) {
      await server.kill()
      going = false
      await Promise.all(running)
      const begin = performance.now()
      server = await place.start()
      recoveries.push(performance.now() - begin)
    } else {
      await killDatabase()
      recoveries.push(await untilReady(server.url))
      going = false
      await Promise.all(running)
      if (!server.runs()) throw new Error('the server ended with its database')
    }
    const recent = [...histories.values()].filter(({ email }) => !touched.has(email))
    await untilQuiet(place)
    if (control && round === rounds) await lie(place, [...histories.values()])
    const open = recent
      .filter(({ states }) => states.length === 2)
      .map((history) => ({ history, after: history.states.at(-1) }))
    wrong.push(...(await compare(place, histories, before)), ...(await logIn(server.url, recent)))
    openThenDone += open.filter(({ history, after }) => history.states[0] === after).length
    if (round % 10 === 0 || round === rounds)
      progress(
        `${place.kind}: ${what} killed ${round} of ${rounds} times, ${tally.ok} acknowledged, ${wrong.length} wrong`,
      )
  }
  const stuck =
    place.kind === 'SQLite'
      ? []
      : await place.query(
          "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
        )
  await server.stop()
  for (const line of wrong.slice(0, 10)) progress(line)
  return {
    what: `${what} killed`,
    kept:
      tally.ok > rounds &&
      wrong.length === 0 &&
      stuck.length === 0 &&
      (killDatabase === undefined || quantile(recoveries, 1) < 5000),
    figures: {
      database: place.kind,
      rounds,
      accounts: histories.size,
      acknowledged: tally.ok,
      'no clear answer': tally.open,
      'of these done': openThenDone,
      'lost, doubled or half-done': wrong.length,
      'open transactions': stuck.length,
      'well again after, s (median, longest)': `${(quantile(recoveries, 0.5) / 1000).toFixed(1)}, ${(quantile(recoveries, 1) / 1000).toFixed(1)}`,
    },
  }
}

/** Milliseconds until a server whose database is back can be used. */
async function untilReady(url: string): Promise<number> {
  const begin = performance.now()
  while ((await fetch(`${url}/health/ready`)).status !== 200) await wait(20)
  return performance.now() - begin
}

/**
 * Waits until the database has ended what a killed or impatient server had asked of it: that
 * may still happen, and so must be over before anything is compared.
 */
async function untilQuiet(place: Place): Promise<void> {
  if (place.kind === 'SQLite') return
  while (
    (
      await place.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'latchkey' AND state <> 'idle'",
      )
    ).length > 0
  )
    await wait(20)
}

/** Every account against its row: what is missing, what is there twice, and what nobody made. */
async function compare(
  place: Place,
  histories: Map<string, History>,
  before: Set<string>,
): Promise<string[]> {
  const found = new Map<string, Found>()
  const wrong: string[] = []
  for (const row of await place.query('SELECT email, token_epoch FROM users')) {
    const email = String(row.email)
    if (found.has(email)) wrong.push(`${email} is there twice`)
    found.set(email, { epoch: Number(row.token_epoch) })
    if (!histories.has(email) && !before.has(email)) wrong.push(`nobody signed up ${email}`)
  }
  for (const history of histories.values()) {
    const fault = settle(history, found.get(history.email))
    if (fault !== null) wrong.push(fault)
  }
  return wrong
}

/**
 * The passwords of these accounts: that of the present state is the one that works. A change
 * that ends the refresh tokens without a new password would be half-done.
 */
async function logIn(url: string, histories: History[]): Promise<string[]> {
  const send = createClient(timeoutMilliseconds, 4)
  const answers = await Promise.all(
    histories.slice(-60).map(async ({ email, states: [{ exists, password }] }) => {
      let status = 503
      for (let tries = 0; tries < 20 && status === 503; tries++)
        status = (await send(`${url}/login`, { body: { email, password } })).status
      return status === (exists ? 200 : 401)
        ? null
        : `${email}: login answered ${status}, the account ${exists ? 'is' : 'is not'} there`
    }),
  )
  return answers.filter((one) => one !== null)
}

/** Breaks the promise behind the server's back, as a database would that forgets. */
async function lie(place: Place, histories: History[]): Promise<void> {
  const [one, other] = histories.filter(({ states }) => states.every(({ exists }) => exists))
  await place.query(`DELETE FROM users WHERE email = '${one?.email}'`)
  await place.query(
    `UPDATE users SET token_epoch = token_epoch - 1 WHERE email = '${other?.email}'`,
  )
}
