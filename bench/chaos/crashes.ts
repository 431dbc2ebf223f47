import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from '../client.js'
import type { BenchServer } from '../server.js'
import { type Found, type History, settle } from './account.js'
import { live, signUp, startMailServer } from './clients.js'
import { type ChaosOptions, type Experiment, quantile, type Row } from './experiment.js'
import { type Place, postgresPlace, sqlitePlace } from './place.js'

const clients = 8

/**
 * The timeout of a client in milliseconds. It is longer than a busy machine needs, because the
 * server hashes an abandoned request all the same.
 */
const timeoutMilliseconds = 60_000

/** Crashes in the middle of writes. */
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
 * Kills the server or the database repeatedly under clients that write. Compares the responses
 * of the clients with the database.
 *
 * @param killDatabase kills the database and restarts it; without it, the server is killed
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
    (await place.query('SELECT email FROM users WHERE deleted_at IS NULL')).map(({ email }) =>
      String(email),
    ),
  )
  for (let round = 1; round <= rounds; round++) {
    const touched = new Set(histories.keys())
    const send = createClient(timeoutMilliseconds, clients)
    let going = true
    const deps = { send, url: server.url, histories, mails, tally }
    // The control needs an account that no client changes meanwhile.
    if (control && round === rounds) await signUp(deps)
    const running = Array.from({ length: clients }, async () => {
      await live(deps, () => going)
    })
    const { ok } = tally
    // The first sign-ups after a start are slow.
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
      'recovered after, s (median, max)': `${(quantile(recoveries, 0.5) / 1000).toFixed(1)}, ${(quantile(recoveries, 1) / 1000).toFixed(1)}`,
    },
  }
}

/** Waits until a server is ready after its database is back. Returns the milliseconds. */
async function untilReady(url: string): Promise<number> {
  const begin = performance.now()
  while ((await fetch(`${url}/health/ready`)).status !== 200) await wait(20)
  return performance.now() - begin
}

/**
 * Waits until the database has finished the statements of a killed or timed-out server. They
 * may still take effect, so the comparison must come after them.
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

/** Compares every account with its row. Returns missing, duplicate and unknown accounts. */
async function compare(
  place: Place,
  histories: Map<string, History>,
  before: Set<string>,
): Promise<string[]> {
  const found = new Map<string, Found>()
  const wrong: string[] = []
  for (const row of await place.query(
    'SELECT email, token_epoch FROM users WHERE deleted_at IS NULL',
  )) {
    const email = String(row.email)
    if (found.has(email)) wrong.push(`${email} exists twice`)
    found.set(email, { epoch: Number(row.token_epoch) })
    if (!histories.has(email) && !before.has(email)) wrong.push(`${email} exists without a sign-up`)
  }
  for (const history of histories.values()) {
    const fault = settle(history, found.get(history.email))
    if (fault !== null) wrong.push(fault)
  }
  return wrong
}

/**
 * Checks that exactly the password of the current state works. A change that revoked the
 * refresh tokens but did not set the new password would be half-done.
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
        : `${email}: login returned ${status}, the account ${exists ? 'exists' : 'does not exist'}`
    }),
  )
  return answers.filter((one) => one !== null)
}

/** Breaks the promise on purpose, like a database that loses writes. */
async function lie(place: Place, histories: History[]): Promise<void> {
  const [one, other] = histories.filter(({ states }) => states.every(({ exists }) => exists))
  await place.query(`DELETE FROM users WHERE email = '${one?.email}'`)
  await place.query(
    `UPDATE users SET token_epoch = token_epoch - 1 WHERE email = '${other?.email}'`,
  )
}
