// What one caller with one account on one network can do to everybody else. Beside each attack
// others log in, sign up, ask for mails and read; in turn with it, the same beside as many
// `GET /claims` of that caller. `npm run bench -- neighbours`; `--seconds=4` for each phase,
// `--rounds=6` of both, `--per-second=300` calls of the caller or `--in-flight=300` of them always
// without an answer, `--only=PATCH` for some attacks. In each round the caller has a new network,
// which its limits do not know yet.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from './client.js'
import { type Load, type LoadReport, runLoad, runLoads } from './load.js'
import { startServer } from './server.js'
import { interval, median } from './statistics.js'

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
 * Prints a line for each attack: the times of others beside it, divided by their times beside
 * as many reads of the claims, with the interval in which nine of ten such measurements lie.
 */
export async function run(args: string[]): Promise<void> {
  const option = (name: string, byDefault: string) =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? byDefault
  const [seconds, inFlight, rounds, only] = [
    Number(option('seconds', '4')),
    Number(option('in-flight', '0')),
    Number(option('rounds', '6')),
    option('only', ''),
  ]
  const rate = inFlight > 0 ? { inFlight } : { perSecond: Number(option('per-second', '300')) }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const server = await startServer(folder, {
    TRUST_PROXY: '127.0.0.1,::1',
    LOG_LEVEL: 'info',
    // All attacks together take a quarter of an hour.
    ACCESS_TOKEN_SECONDS: '3600',
  })
  try {
    const { crowd, own } = await prepare(server.url)
    const messages = messagesOf(crowd)
    const measure = async ({ path, calls }: Attack, network: number): Promise<Measured> => {
      const mine = from(`203.0.113.${network}`)
      const attack = runLoad({
        url: `${server.url}${path}`,
        messages: calls.map((call) => ({ ...call, ...mine })),
        ...rate,
        seconds: seconds + 1,
      })
      const victims = runLoads(
        Object.entries(others).map(([name, { perSecond, path }]) => ({
          url: `${server.url}${path}`,
          messages: messages[name as Other](),
          perSecond,
          seconds,
          warmSeconds: 0.5,
        })),
      )
      return { attack: await attack, others: await victims }
    }
    const reads = { path: '/claims', calls: [{ token: own.access_token }] }
    const rows: Record<string, object> = {}
    let network = 0
    for (const [name, attack] of Object.entries(attacks(own)).filter(([name]) =>
      name.includes(only),
    )) {
      const results: Round[] = []
      for (let round = 0; round < rounds; round++) {
        network++
        const beside = await measure(attack, network)
        results.push({ reads: await measure(reads, network), attack: beside })
      }
      const attacker = statuses(results.map(({ attack }) => attack.attack))
      console.log(`${name}: ${attacker}`)
      console.table(linesOf(results))
      rows[name] = { attacker, ...linesOf(results) }
    }
    writeFileSync('dist/bench/neighbours.json', `${JSON.stringify(rows, null, 2)}\n`)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

/** The reports of the others are in the order of `others`. */
interface Measured {
  attack: LoadReport
  others: LoadReport[]
}

/** Two phases of the same length, one after the other. */
type Round = Record<'reads' | 'attack', Measured>

/** What the others send in one phase, with new networks each time. */
function messagesOf(crowd: Person[]): Record<Other, () => Call[]> {
  let fresh = 0
  const anybody = (count: number, body: () => object) => () =>
    Array.from({ length: count }, () => ({ ...stranger(++fresh), body: body() }))
  const read = () => crowd.map(({ access_token: token }) => ({ ...stranger(++fresh), token }))
  return {
    login: () => crowd.map(({ email }) => ({ ...stranger(++fresh), body: { email, password } })),
    'sign-up': anybody(100, () => ({ email: `new-${crypto.randomUUID()}@example.org`, password })),
    mail: anybody(200, () => ({ email: `nobody-${crypto.randomUUID()}@example.org` })),
    'read /claims': read,
    'read /me': read,
  }
}

function linesOf(rounds: Round[]): Record<string, object> {
  return Object.fromEntries(
    Object.entries(others).map(([name, { good }], index) => {
      const beside = (phase: keyof Round) => (round: Round) =>
        round[phase].others[index] as LoadReport
      const times = (phase: keyof Round) => (some: Round[]) =>
        some.flatMap((round) => beside(phase)(round).sinceSent)
      const ratio = (of: (list: number[]) => number) => (some: Round[]) =>
        of(times('attack')(some)) / of(times('reads')(some))
      const show = (of: (list: number[]) => number) =>
        `${ratio(of)(rounds).toFixed(2)} (${interval(rounds, ratio(of))
          .map((end) => end.toFixed(2))
          .join(' to ')})`
      const all = rounds.map(beside('attack'))
      const served =
        sum(all.map(({ byStatus }) => byStatus[good] ?? 0)) /
        sum(all.map(({ requests }) => requests))
      return [
        name,
        {
          'p50 ms, reads': median(times('reads')(rounds)).toFixed(2),
          'p50 ms, attack': median(times('attack')(rounds)).toFixed(2),
          'p50 ratio': show(median),
          'mean ratio': show(mean),
          served: served.toFixed(3),
        },
      ]
    }),
  )
}

function statuses(reports: LoadReport[]): string {
  const all = sum(reports.map(({ requests }) => requests))
  const names = [...new Set(reports.flatMap(({ byStatus }) => Object.keys(byStatus)))]
  const share = (name: string) => sum(reports.map(({ byStatus }) => byStatus[name] ?? 0)) / all
  return names.map((name) => `${(100 * share(name)).toFixed(1)} % ${name}`).join(', ')
}

const sum = (list: number[]) => list.reduce((total, value) => total + value, 0)
const mean = (list: number[]) => sum(list) / list.length

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
