import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { buildTestApp, goodPassword, type TestApp } from '../helper.js'
import { freePort } from './cluster.js'
import { createMachineFlow } from './machines.js'
import { giveRoles } from './roles.js'
import { type Answer, type Message, send } from './send.js'

/** The user `nobody`, where the test runs as root; proxies run as this user. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : null

/** A request as the app behind the proxy received it. */
export interface Received {
  method: string
  url: string
  /** Each header with its values, under its name in lower case. */
  headers: Record<string, string[]>
}

/** The addresses of the servers around a proxy. */
export interface Addresses {
  /** Where the proxy is to listen. */
  port: number
  latchkeyPort: number
  appPort: number
}

/** Latchkey and an app behind a proxy. */
export interface BehindProxy extends Pick<TestApp, 'app' | 'time' | 'signup'> {
  origin: string
  addresses: Addresses
  send: (message: Message) => Promise<Answer>
  /**
   * Signs up, and logs in with cookies through the proxy. Returns the id and the cookies.
   *
   * @param roles the roles of the account; none by default
   */
  login: (roles?: string[]) => Promise<{ id: string; cookie: string }>
  /** Creates a machine client with scopes. Returns its token. */
  machineToken: (...scopes: string[]) => Promise<string>
  /** What the app received since the last call. */
  takeReceived: () => Received[]
}

/**
 * Starts Latchkey under `/auth` and an app that writes down its requests, for a proxy that the
 * caller starts.
 */
export async function startBehindProxy(
  t: Test,
  env: Record<string, string> = {},
): Promise<BehindProxy> {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const built = await buildTestApp(t, {
    env: { PUBLIC_URL: `${origin}/auth`, TRUST_PROXY: '127.0.0.1', ...env },
  })
  const { app, time, signup, store } = built
  const machines = createMachineFlow(built)
  time.now = Date.now()
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => {
    app.server.closeAllConnections()
  })
  let received: Received[] = []
  const recorder = createServer((request, reply) => {
    const headers: Received['headers'] = {}
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      const name = String(request.rawHeaders[index]).toLowerCase()
      headers[name] = [...(headers[name] ?? []), String(request.rawHeaders[index + 1])]
    }
    received.push({ method: String(request.method), url: String(request.url), headers })
    reply.writeHead(request.url === '/denies' ? 401 : 200, { 'content-type': 'text/plain' })
    reply.end('the app')
  }).listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  t.teardown(() => {
    recorder.close().closeAllConnections()
  })
  const sendHere = async (message: Message) => await send(port, message)
  return {
    app,
    time,
    signup,
    origin,
    addresses: {
      port,
      latchkeyPort: (app.server.address() as AddressInfo).port,
      appPort: (recorder.address() as AddressInfo).port,
    },
    send: sendHere,
    login: async (roles = []) => {
      const { user } = await signup()
      if (roles.length > 0) await giveRoles({ store }, user.id, roles)
      const reply = await fetch(`${origin}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin },
        body: JSON.stringify({ email: user.email, password: goodPassword, transport: 'cookie' }),
      })
      if (reply.status !== 200) throw new Error(`login: ${reply.status} ${await reply.text()}`)
      const cookie = reply.headers
        .getSetCookie()
        .map((text) => text.split(';')[0])
        .join('; ')
      return { id: user.id, cookie }
    },
    machineToken: async (...scopes) => await machines.tokenOf(await machines.create(...scopes)),
    takeReceived: () => {
      const taken = received
      received = []
      return taken
    },
  }
}

/**
 * Returns a folder for the files of a proxy, or null where the proxy is not installed. On CI
 * that is a failure.
 */
export function proxyFolder(t: Test, program: string): string | null {
  try {
    execFileSync(program, program === 'nginx' ? ['-v'] : ['version'], { stdio: 'ignore' })
  } catch {
    const install = program === 'nginx' ? 'nginx-light' : program
    const why = `The tests behind ${program} are not run, because it is not installed: apt-get install ${install}`
    t.notOk(process.env.CI === 'true', why)
    t.comment(why)
    return null
  }
  const folder = mkdtempSync(join(tmpdir(), `latchkey-${program}-`))
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Gives a folder and its files to the user of the proxies. */
function giveToProxy(folder: string): void {
  if (nobody !== null) execFileSync('chown', ['-R', `${nobody.uid}:${nobody.gid}`, folder])
}

/** Starts a proxy as an unprivileged process, and waits until it listens on a port. */
export async function startProxy(
  t: Test,
  {
    program,
    args,
    folder,
    port,
  }: { program: string; args: string[]; folder: string; port: number },
): Promise<void> {
  giveToProxy(folder)
  const { PATH = '' } = process.env
  const child = spawn(program, args, {
    ...nobody,
    cwd: folder,
    env: { PATH, HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += String(chunk)
  })
  t.teardown(async () => {
    await end(child)
  })
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (child.exitCode !== null || tries > 200) throw new Error(`${program}: ${errors}`)
    await wait(50)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  await ended
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}
