// What one caller with one account on one network can do to everybody else. Beside each attack others log in, sign up, ask for mails and read; then the same beside as many
// `GET /claims` of that caller. `npm run bench -- neighbours`; `--seconds=3` for each measurement, `--per-second=600` calls of the attacker or `--in-flight=300` of them always
// without an answer, `--only=PATCH` for some attacks, `--rounds=5` for the median of several. In each round the caller has a new network, which its limits do not know yet.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from './client.js'
import { type Load, type LoadReport, runLoad } from './load.js'
import { startServer } from './server.js'

const password = 'brass-lantern-under-the-stair'
const people = 40

/** What others do, beside the attack: so many calls a second, each from a network of its own. */
const others = {
  login: { perSecond: 4, path: '/login', good: 200 },
  'sign-up': { perSecond: 2, path: '/signup', good: 201 },
  mail: { perSecond: 4, path: '/password/forgot', good: 202 },
  'read /me': { perSecond: 40, path: '/me', good: 200 },
  'read /claims': { perSecond: 40, path: '/claims', good: 200 },
} as const

type Other = keyof typeof others
type Call = Load['messages'][number]

const from = (ip: string): { headers: Record<string, string> } => ({
  headers: { 'x-forwarded-for': ip },
})
const stranger = (index: number) =>
  from(`198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`)

interface Person {
  email: string
  access_token: string
  refresh_token: string
}

/**
 * Prints a line for each attack: the p50 of others beside it, of their p50 beside as many reads
 * of the claims.
 */
export async function run(args: string[]): Promise<void> {
  const option = (name: string, byDefault: string) =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? byDefault
  const [seconds, inFlight, rounds, only] = [
    Number(option('seconds', '3')),
    Number(option('in-flight', '0')),
    Number(option('rounds', '1')),
    option('only', ''),
  ]
  const rate = inFlight > 0 ? { inFlight } : { perSecond: Number(option('per-second', '600')) }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const server = await startServer(folder, { TRUST_PROXY: '127.0.0.1,::1', LOG_LEVEL: 'info' })
  try {
    const { crowd, own } = await prepare(server.url)
    let fresh = 0
    const messages: Record<Other, () => Call[]> = {
      login: () =>
        crowd.map(({ email }, index) => ({
          ...stranger(++fresh + index),
          body: { email, password },
        })),
      'sign-up': () =>
        Array.from({ length: 100 }, () => ({
          ...stranger(++fresh),
          body: { email: `new-${crypto.randomUUID()}@example.org`, password },
        })),
      mail: () =>
        Array.from({ length: 200 }, () => ({
          ...stranger(++fresh),
          body: { email: `nobody-${crypto.randomUUID()}@example.org` },
        })),
      'read /claims': () =>
        crowd.map(({ access_token: token }, index) => ({ ...stranger(++fresh + index), token })),
      'read /me': () =>
        crowd.map(({ access_token: token }, index) => ({ ...stranger(++fresh + index), token })),
    }
    const measure = async (path: string, calls: Call[]): Promise<Measured> => {
      const attack = runLoad({
        url: `${server.url}${path}`,
        messages: calls,
        ...rate,
        seconds: seconds + 1,
      })
      const victims = Object.entries(others).map(async ([name, { perSecond, path, good }]) => {
        const report = await runLoad({
          url: `${server.url}${path}`,
          messages: messages[name as Other](),
          perSecond,
          seconds,
          warmSeconds: 0.5,
        })
        return [
          name,
          { p50: report.p50, served: (report.byStatus[good] ?? 0) / report.requests },
        ] as const
      })
      return {
        attack: await attack,
        others: Object.fromEntries(await Promise.all(victims)) as Measured['others'],
      }
    }
    let network = 0
    const measureAs = async ({ path, calls }: Attack) => {
      const mine = from(`203.0.113.${network}`)
      const own = calls.map((call) => ({ ...call, ...mine }))
      return await measure(path, own)
    }
    const reads = { path: '/claims', calls: [{ token: own.access_token }] }
    const rows: Record<string, object> = {}
    const raw: object[] = []
    for (const [name, attack] of Object.entries(attacks(own)).filter(([name]) =>
      name.includes(only),
    )) {
      const results: Round[] = []
      for (let round = 0; round < rounds; round++) {
        network++
        // Twice, so that a machine that becomes slower meanwhile does not tilt it.
        results.push({
          before: await measureAs(reads),
          during: await measureAs(attack),
          after: await measureAs(reads),
        })
      }
      raw.push({ name, results })
      rows[name] = { ...line(results), ...statuses(results.map(({ during }) => during.attack)) }
    }
    console.table(rows)
    writeFileSync('dist/bench/neighbours.json', `${JSON.stringify(raw, null, 2)}\n`)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

interface Measured {
  attack: LoadReport
  others: Record<Other, { p50: number; served: number }>
}

type Round = Record<'before' | 'during' | 'after', Measured>

function line(rounds: Round[]): object {
  return Object.fromEntries(
    Object.keys(others).flatMap((key) => {
      const name = key as Other
      const ratios = rounds.map(({ before, during, after }) => {
        const [quiet, loud, again] = [before, during, after].map(({ others }) => others[name].p50)
        return Number(loud) / ((Number(quiet) + Number(again)) / 2)
      })
      const served = rounds.map(({ during }) => during.others[name].served)
      return [
        [name, Math.round(median(ratios) * 100) / 100],
        [`${name} served`, Math.round(Math.min(...served) * 100) / 100],
      ]
    }),
  )
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

function statuses(reports: LoadReport[]): object {
  const all = reports.reduce((sum, { requests }) => sum + requests, 0)
  const names = new Set(reports.flatMap(({ byStatus }) => Object.keys(byStatus)))
  const share = (name: string) =>
    reports.reduce((sum, { byStatus }) => sum + (byStatus[name] ?? 0), 0) / all
  return {
    attacker: [...names].map((name) => `${Math.round(100 * share(name))} % ${name}`).join(', '),
  }
}

interface Attack {
  path: string
  calls: Call[]
}

/** Calls of one account. */
function attacks({
  email,
  access_token: token,
  refresh_token: refreshToken,
}: Person): Record<string, Attack> {
  const random = () => crypto.randomUUID()
  const many = (make: () => Call) => Array.from({ length: 500 }, make)
  return {
    'GET /me': { path: '/me', calls: [{ token }] },
    'PATCH /me': {
      path: '/me',
      calls: many(() => ({ method: 'PATCH', token, body: { name: random() } })),
    },
    'POST /refresh': {
      path: '/refresh',
      calls: [{ body: { refresh_token: refreshToken } }],
    },
    'POST /login, right password': {
      path: '/login',
      calls: [{ body: { email, password } }],
    },
    'POST /login, wrong': {
      path: '/login',
      calls: many(() => ({ body: { email: `${random()}@example.org`, password: 'wrong' } })),
    },
    'POST /signup': {
      path: '/signup',
      calls: many(() => ({ body: { email: `${random()}@example.org`, password } })),
    },
    'POST /signup, slow weak passwords': {
      path: '/signup',
      calls: many(() => ({
        body: { email: `${random()}@example.org`, password: '4@'.repeat(32) },
      })),
    },
    'POST /password/forgot': {
      path: '/password/forgot',
      calls: many(() => ({ body: { email: `${random()}@example.org` } })),
    },
    'POST /email/change': {
      path: '/email/change',
      calls: many(() => ({ token, body: { new_email: `${random()}@example.org`, password } })),
    },
    'POST /email/verify, garbage': {
      path: '/email/verify',
      calls: many(() => ({ body: { token: `eyJ.${random()}.x` } })),
    },
    'GET /health/ready': { path: '/health/ready', calls: [{}] },
    'POST /logout/everywhere': {
      path: '/logout/everywhere',
      calls: [{ method: 'POST', token }],
    },
  }
}

async function prepare(url: string): Promise<{ crowd: Person[]; own: Person }> {
  const send = createClient(30_000)
  const signup = async (index: number): Promise<Person> => {
    const email = `person-${index}@example.org`
    const { status, body } = await send(`${url}/signup`, {
      ...stranger(60_000 + index),
      body: { email, password },
    })
    if (status !== 201) throw new Error(`sign-up answered ${status}: ${body}`)
    return { email, ...(JSON.parse(body) as { access_token: string; refresh_token: string }) }
  }
  const crowd: Person[] = []
  for (let index = 0; index < people; index++) crowd.push(await signup(index))
  return { crowd, own: await signup(people) }
}
