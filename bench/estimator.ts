// Measures sign-ups and logins of other callers while one client floods the password estimator:
// `npm run bench -- estimator`.
import { setMaxListeners } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startMailServer } from './chaos/clients.js'
import { startServer } from './server.js'

/**
 * The logins and sign-ups of one measurement: the number sent, the number served, and the
 * median time of the served ones in milliseconds.
 */
export interface Served {
  logins: number
  loginsOk: number
  loginMs: number
  signups: number
  signupsOk: number
  signupMs: number
}

/**
 * One measurement without the attack, one during it, and the ratios of served requests.
 * `attack` counts the responses to the attacker by status.
 */
export interface EstimatorReport {
  alone: Served
  beside: Served
  logins: number
  signups: number
  attack: Record<string, number>
}

/**
 * The attack: `connections` and requests `perSecond` of one client with the weak `passwords`,
 * beside `pairs` of one login and one sign-up.
 */
export interface EstimatorOptions {
  pairs: number
  everyMs: number
  connections: number
  perSecond: number
  passwords: string[]
}

/** The default attack. The passwords are weak, and most of them are slow to judge. */
export const usual: EstimatorOptions = {
  pairs: 20,
  everyMs: 250,
  connections: 80,
  perSecond: 40,
  passwords: ['4@'.repeat(32), 'password1', '1'.repeat(64), 'P@$$w0rd'.repeat(8)],
}

const password = 'brass-lantern-under-the-stair'

/** Starts a server, and measures other callers without the attack, then during it. */
export async function attackEstimator(options: EstimatorOptions): Promise<EstimatorReport> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const mailServer = await startMailServer()
  // Rate limits would stop the attack. X-Forwarded-For gives each caller its network.
  const server = await startServer(folder, {
    RATE_LIMITS: 'off',
    TRUST_PROXY: '127.0.0.1,::1',
    SMTP_URL: mailServer.url,
  })
  const attacker = createCaller(options.connections)
  const others = createCaller(1000)
  try {
    const post = async (path: string, body: object, network = '198.51.100.1') =>
      await others.post(`${server.url}${path}`, body, network)
    // The first sign-up loads the word lists.
    for (const name of ['victim', 'warm'])
      await post('/signup', { email: `${name}@example.org`, password })
    mailServer.mails.clear()
    await post('/password/forgot', { email: 'victim@example.org' })
    while (!mailServer.mails.has('victim@example.org')) await wait(20)
    const token = mailServer.mails.get('victim@example.org') as string

    const alone = await serveOthers(post, options)
    const attack: Record<string, number> = {}
    let isOver = false
    const attacking = flood(
      options.perSecond,
      () => isOver,
      async (index) => {
        const body = { token, new_password: options.passwords[index % options.passwords.length] }
        const status = await attacker
          .post(`${server.url}/password/reset`, body, '203.0.113.1')
          .then(
            (reply) => String(reply.status),
            () => 'lost',
          )
        attack[status] = (attack[status] ?? 0) + 1
      },
    )
    await wait(500)
    const beside = await serveOthers(post, options)
    isOver = true
    attacker.close()
    await attacking
    return {
      alone,
      beside,
      logins: beside.loginsOk / alone.loginsOk,
      signups: beside.signupsOk / alone.signupsOk,
      attack,
    }
  } finally {
    attacker.close()
    others.close()
    await server.stop()
    mailServer.close()
    rmSync(folder, { recursive: true })
  }
}

/** Prints the table and writes dist/bench/estimator.json. */
export async function run(): Promise<void> {
  const report = await attackEstimator(usual)
  writeFileSync(
    'dist/bench/estimator.json',
    JSON.stringify({ node: process.version, ...report }, null, 2),
  )
  const { alone, beside, attack, ...ratios } = report
  console.table({ alone, beside })
  console.table({ 'served beside the attack / served alone': ratios })
  console.table({ 'replies to the attacker': attack })
}

type Post = (path: string, body: object, network?: string) => Promise<{ status: number }>

async function serveOthers(post: Post, { pairs, everyMs }: EstimatorOptions): Promise<Served> {
  const times = { login: [] as number[], signup: [] as number[] }
  const ask = async (kind: 'login' | 'signup', wanted: number, body: object, network: string) => {
    const begin = performance.now()
    const { status } = await post(`/${kind}`, body, network)
    if (status === wanted) times[kind].push(performance.now() - begin)
  }
  const asked: Array<Promise<void>> = []
  for (let index = 0; index < pairs; index++) {
    const network = `192.0.2.${index + 1}`
    asked.push(ask('login', 200, { email: 'warm@example.org', password }, network))
    asked.push(
      ask(
        'signup',
        201,
        { email: `${crypto.randomUUID()}@example.org`, password: `${crypto.randomUUID()}` },
        network,
      ),
    )
    await wait(everyMs)
  }
  await Promise.all(asked)
  const median = (list: number[]) =>
    Math.round([...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN)
  return {
    logins: pairs,
    loginsOk: times.login.length,
    loginMs: median(times.login),
    signups: pairs,
    signupsOk: times.signup.length,
    signupMs: median(times.signup),
  }
}

/** Sends at a fixed rate, without waiting for earlier responses. */
async function flood(
  perSecond: number,
  isOver: () => boolean,
  send: (index: number) => Promise<void>,
): Promise<void> {
  const begin = performance.now()
  const sent: Array<Promise<void>> = []
  while (!isOver()) {
    while (sent.length < ((performance.now() - begin) * perSecond) / 1000)
      sent.push(send(sent.length))
    await wait(5)
  }
  await Promise.all(sent)
}

/** Creates a client with its own connections. */
function createCaller(maxSockets: number) {
  const agent = new Agent({ keepAlive: true, maxSockets })
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)
  const post = async (url: string, body: object, network: string) =>
    await new Promise<{ status: number }>((resolve, reject) => {
      const text = JSON.stringify(body)
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        'x-forwarded-for': network,
      }
      request(url, { agent, method: 'POST', headers, signal: closing.signal }, (reply) => {
        reply
          .resume()
          .on('end', () => {
            resolve({ status: reply.statusCode ?? 0 })
          })
          .on('error', reject)
      })
        .on('error', reject)
        .end(text)
    })
  return {
    post,
    close: () => {
      closing.abort()
      agent.destroy()
    },
  }
}
