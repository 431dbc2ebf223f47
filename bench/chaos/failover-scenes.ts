import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { killServer } from '../../test/support/cluster.js'
import { startPooler } from '../../test/support/pgbouncer.js'
import { query } from '../../test/support/query.js'
import { startSentinel } from '../../test/support/sentinel.js'
import { type Following, stopInOrder, until } from '../../test/support/standby.js'
import { type Host, makePair, type Owner, type Pair, storedIn } from './pair.js'
import type { Kind } from './steady.js'

/** Something that fails under load, with something that takes over. */
export interface Scene {
  what: string
  /** Settings of the server. */
  env: Record<string, string>
  /** Requests a second. */
  rates: Partial<Record<Kind, number>>
  headers?: () => Record<string, string>
  /** Whether the scene is a control: acknowledged writes must be lost. */
  mustLose?: boolean
  /** The kinds of requests that must not fail. */
  spares?: readonly Kind[]
  /** Breaks it. Returns the time since which it should work again. */
  fail: () => Promise<number>
  /** Restores the initial state, while the load continues. */
  rejoin: () => Promise<void>
  /** The addresses of the database. */
  stored: () => Promise<string[]>
}

/** The scenes, in the order of the table. */
export const sceneNames = ['killed', 'stopped', 'cut', 'pooler', 'redis', 'lagging'] as const
export type SceneName = (typeof sceneNames)[number]

const rates = { claims: 100, me: 20, refresh: 10, signup: 8, login: 2, ready: 2, live: 2 }

/** The delay of replication in the control, in milliseconds. */
const lag = 1000

/** Opens scenes on one pair of PostgreSQL servers. `close` removes everything. */
export async function openScenes(progress: (line: string) => void): Promise<{
  /** Opens a scene; null, with a line of progress, if the machine lacks a program. */
  open: (name: SceneName) => Promise<Scene | null>
  close: () => Promise<void>
}> {
  const cleanups: Array<() => unknown> = []
  const t: Owner = {
    teardown: (cleanup) => {
      cleanups.push(cleanup)
    },
    comment: progress,
    notOk: () => true,
  }
  const close = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  let pair: Pair | undefined
  const postgres = async () => {
    pair ??= await makePair(t)
    await query(pair.roles[0].cluster.url, 'TRUNCATE users')
    return pair
  }
  return {
    open: async (name) => {
      if (name === 'redis') return await redisScene(t)
      if (name === 'pooler') return await poolerScene(t, await postgres())
      return await postgresScene(name, await postgres())
    },
    close,
  }
}

function urlOf(ports: Array<string | number>): string {
  const places = ports.map((port) => `127.0.0.1:${port}`).join(',')
  return `postgresql://postgres@${places}/postgres?target_session_attrs=read-write`
}

const portOf = ({ cluster }: Host) => new URL(cluster.url).port

/** A scene in which the standby of the pair is promoted. */
async function postgresScene(
  name: Exclude<SceneName, 'pooler' | 'redis'>,
  pair: Pair,
): Promise<Scene> {
  const { hosts, roles } = pair
  const direct = urlOf(hosts.map(portOf))
  const following: Following = { isSynchronous: true }
  const breaks = {
    killed: {
      what: 'primary killed, synchronous standby promoted',
      end: async () => {
        await killServer(roles[0].cluster)
      },
    },
    stopped: {
      what: 'primary stopped in order, synchronous standby promoted',
      end: async () => {
        await stopInOrder(roles[0].cluster)
      },
    },
    cut: {
      what: 'network to the primary swallows everything, synchronous standby promoted',
      end: async () => {
        roles[0].proxy.blackHole(true)
        await wait(300)
      },
    },
    lagging: {
      what: `control: primary killed, standby that is asynchronous and ${lag / 1000} s behind promoted`,
      end: async () => {
        // What is on its way is lost with the primary.
        roles[0].proxy.blackHole(true)
        await killServer(roles[0].cluster)
      },
    },
  }
  const { what, end } = breaks[name]
  const rejoin = async () => {
    const [{ proxy }] = roles
    if (name !== 'lagging') {
      await pair.rejoin(following)
      return
    }
    await pair.rejoin({ isSynchronous: false, port: proxy.port })
    proxy.delay(lag)
  }
  await rejoin()
  return {
    what,
    env: {
      RATE_LIMITS: 'off',
      DATABASE_URL: name === 'cut' ? urlOf(hosts.map(({ proxy }) => proxy.port)) : direct,
    },
    rates,
    ...(name === 'lagging' && { mustLose: true }),
    fail: async () => {
      await end()
      for (const { proxy } of hosts) proxy.delay(0)
      return await pair.failOver()
    },
    rejoin,
    stored: pair.stored,
  }
}

async function poolerScene(t: Owner, pair: Pair): Promise<Scene | null> {
  const pooler = await startPooler(t, pair.roles[0].cluster.url)
  if (pooler === null) return null
  return {
    what: 'PgBouncer killed, and started again',
    env: { RATE_LIMITS: 'off', DATABASE_URL: pooler.url },
    rates,
    fail: async () => {
      await pooler.kill()
      await wait(500)
      await pooler.start()
      return performance.now()
    },
    rejoin: async () => {},
    stored: pair.stored,
  }
}

/** Limits are on, so that each request comes from a network of its own. */
async function redisScene(t: Owner): Promise<Scene> {
  const group = await startSentinel(t)
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-failover-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  const url = `file:${join(folder, 'latchkey.db')}`
  return {
    what: 'Redis primary killed, Sentinel promotes the replica',
    env: { DATABASE_URL: url, REDIS_URL: group.url, TRUST_PROXY: '127.0.0.0/8,::1' },
    // Not those that are limited for each account.
    rates: { claims: 100, me: 20, signup: 8, ready: 2, live: 2 },
    headers: () => {
      const [part = '', other = ''] = crypto.randomUUID().split('-')
      return { 'x-forwarded-for': `2001:db8:${part.slice(4)}:${other}::1` }
    },
    spares: ['me', 'signup', 'ready'],
    fail: async () => {
      await group.killPrimary()
      await until(group.isPromoted)
      return performance.now()
    },
    rejoin: group.rejoin,
    stored: async () => await storedIn(url),
  }
}
