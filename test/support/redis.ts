import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { freePort } from './cluster.js'

/** A real Redis server of the test's own. */
export interface RedisServer {
  url: string
  signal: (signal: NodeJS.Signals) => void
  /** Ends it; what it knew is lost. */
  stop: () => Promise<void>
  /** Starts it again at the same address. */
  start: () => Promise<void>
  /** Every key with its value. */
  keys: () => Promise<Record<string, string | null>>
}

/**
 * Starts a Redis server that asks for a password; null, and says so, where the machine has
 * none. On CI that is a failure.
 */
export async function startRedis(t: Test): Promise<RedisServer | null> {
  const port = await freePort()
  const password = 'swordfish'
  const launch = async () => {
    const child = spawn(
      'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--requirepass',
        password,
        '--dir',
        t.testdir(),
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    t.teardown(() => {
      child.kill('SIGKILL')
    })
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.stdout.on('data', (text) => {
        if (String(text).includes('Ready to accept connections')) resolve()
      })
    })
    return child
  }
  const first = await launch().catch(() => null)
  if (first === null) {
    const why =
      'The tests of shared limits are not run, because there is no redis-server: apt-get install redis-server'
    t.notOk(process.env.CI === 'true', why)
    t.comment(why)
    return null
  }
  let child = first
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    signal: (signal) => {
      child.kill(signal)
    },
    stop: async () => {
      const ended = once(child, 'close')
      child.kill('SIGKILL')
      await ended
    },
    start: async () => {
      child = await launch()
    },
    keys: async () => {
      const client = new Redis(port, '127.0.0.1', { password })
      const names = await client.keys('*')
      const values = await Promise.all(names.map(async (name) => await client.get(name)))
      client.disconnect()
      return Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]))
    },
  }
}

/** Waits until something holds, half a minute at most, and answers whether it does. */
export async function holdsSoon(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + 30_000
  while (!(await holds()) && performance.now() < end) await wait(20)
  return await holds()
}
