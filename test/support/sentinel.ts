import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { freePort } from './cluster.js'
import { holdsSoon } from './redis.js'

/** A real Redis with a replica and a sentinel. */
export interface SentinelGroup {
  url: string
  /** Kills the primary. The sentinel promotes the replica soon after. */
  killPrimary: () => Promise<void>
  /** Whether the replica is the primary now. */
  isPromoted: () => Promise<boolean>
  /** The keys of the server that was the replica at first. */
  keys: () => Promise<string[]>
}

const password = 'swordfish'

/** Starts the group. The machine must have redis-server, which is the sentinel, too. */
export async function startSentinel(t: Test): Promise<SentinelGroup> {
  const folder = t.testdir({})
  const [primary, replica, sentinel] = [await freePort(), await freePort(), await freePort()]
  const common = (port: number) =>
    `port ${port}\nbind 127.0.0.1\nsave ""\nappendonly no\nrequirepass ${password}\nmasterauth ${password}\ndir ${folder}\n`
  const files = {
    [primary]: common(primary),
    [replica]: `${common(replica)}replicaof 127.0.0.1 ${primary}\n`,
    [sentinel]: `port ${sentinel}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor shared 127.0.0.1 ${primary} 1\nsentinel auth-pass shared ${password}\nsentinel down-after-milliseconds shared 500\nsentinel failover-timeout shared 3000\n`,
  }
  const children = new Map<number, ChildProcess>()
  for (const [port, text] of Object.entries(files)) {
    const file = join(folder, `${port}.conf`)
    writeFileSync(file, text)
    const child = spawn(
      'redis-server',
      [file, ...(Number(port) === sentinel ? ['--sentinel'] : [])],
      { stdio: 'ignore' },
    )
    children.set(Number(port), child)
    t.teardown(() => {
      child.kill('SIGKILL')
    })
  }
  const ask = async <T>(port: number, use: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(port, '127.0.0.1', { password, maxRetriesPerRequest: 1 })
    client.on('error', () => {})
    return await use(client).finally(() => {
      client.disconnect()
    })
  }
  const role = async () =>
    await ask(replica, async (client) => await client.info('replication')).catch(() => '')
  if (!(await holdsSoon(async () => (await role()).includes('master_link_status:up'))))
    throw new Error('the replica does not follow')
  const knowsReplica = async () => {
    const client = new Redis(sentinel, '127.0.0.1', { maxRetriesPerRequest: 1 })
    client.on('error', () => {})
    const found = (await client.call('SENTINEL', 'replicas', 'shared').catch(() => [])) as unknown[]
    client.disconnect()
    return found.length === 1
  }
  if (!(await holdsSoon(knowsReplica))) throw new Error('the sentinel does not know the replica')
  return {
    url: `redis+sentinel://:${password}@127.0.0.1:${await freePort()},127.0.0.1:${sentinel}/shared`,
    killPrimary: async () => {
      const child = children.get(primary) as ChildProcess
      const ended = once(child, 'close')
      child.kill('SIGKILL')
      await ended
    },
    isPromoted: async () => (await role()).includes('role:master'),
    keys: async () => await ask(replica, async (client) => await client.keys('*')),
  }
}
