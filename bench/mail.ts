// Measures whether a flood of mails to one address delays the mails of others. Strangers request new
// passwords, first alone, then during the flood. The built program runs with RATE_LIMITS=off and a
// mail server that takes 40 ms for a mail.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import { createClient } from './client.js'
import { startServer } from './server.js'

const password = 'brass-lantern-under-the-stair'
const strangers = 30
const floodConnections = 16
const mailMilliseconds = 40

/** Starts a mail server that records the arrival times of mails by address. */
async function startMailServer() {
  const arrivals = new Map<string, number[]>()
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      stream.resume().on('end', () => {
        setTimeout(() => {
          for (const { address } of session.envelope.rcptTo)
            arrivals.set(address, [...(arrivals.get(address) ?? []), performance.now()])
          done()
        }, mailMilliseconds)
      })
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    of: (address: string) => arrivals.get(address) ?? [],
    forget: () => {
      arrivals.clear()
    },
    stop: async () => {
      await new Promise<void>((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/** Prints one row without the flood and one with it. */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const mails = await startMailServer()
  const server = await startServer(folder, {
    SMTP_URL: mails.url,
    RATE_LIMITS: 'off',
    ARGON2_MEMORY_KIB: '7168',
    ARGON2_PASSES: '5',
  }).catch(async (error: unknown) => {
    await mails.stop()
    throw error
  })
  const send = createClient(10_000)
  const post = async (path: string, body: object) => await send(`${server.url}${path}`, { body })
  const flooded = 'flooded@example.org'
  const others = Array.from({ length: strangers }, (_, index) => `stranger-${index}@example.org`)
  const until = async (isDone: () => boolean, milliseconds: number) => {
    for (let waited = 0; waited < milliseconds && !isDone(); waited += 20) await wait(20)
  }
  const lost = () => server.log().split('"msg":"mail lost').length - 1
  const measure = async (isFlooded: boolean) => {
    mails.forget()
    const flooding = new AbortController()
    let calls = 0
    const flood = Array.from({ length: isFlooded ? floodConnections : 0 }, async () => {
      for (; !flooding.signal.aborted; calls++) {
        await post('/password/forgot', { email: flooded })
        await wait(15)
      }
    })
    if (isFlooded) await wait(3000)
    const asked = new Map<string, number>()
    for (const email of others) {
      await post('/password/forgot', { email })
      asked.set(email, performance.now())
      await wait(60)
    }
    const arrived = () =>
      others.flatMap((email) => mails.of(email).map((at) => at - (asked.get(email) ?? 0)))
    await until(() => arrived().length === strangers, 5000)
    flooding.abort()
    await Promise.all(flood)
    const times = arrived().sort((a, b) => a - b)
    return {
      'calls of the flood': calls,
      'mails of the flood': mails.of(flooded).length,
      'resets of strangers': strangers,
      arrived: times.length,
      'median, ms': Math.round(times[Math.floor(times.length / 2)] ?? NaN),
      'slowest, ms': Math.round(times.at(-1) ?? NaN),
      'mails lost': lost(),
    }
  }
  try {
    for (const email of [flooded, ...others]) await post('/signup', { email, password })
    await until(() => others.every((email) => mails.of(email).length > 0), 5000)
    console.table({
      'without the flood': await measure(false),
      'with the flood': await measure(true),
    })
  } finally {
    await server.stop()
    await mails.stop()
    rmSync(folder, { recursive: true })
  }
}
