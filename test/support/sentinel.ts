import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
  /** Whether the server that was the replica is the primary now. */
  isPromoted: () => Promise<boolean>
  /** Starts the killed server again, and waits until it follows the new primary. */
  rejoin: () => Promise<void>
  /** The keys of the server that was the replica at first. */
  keys: () => Promise<string[]>
}

const password = 'swordfish'

/** Starts the group. The machine must have redis-server, which is the sentinel, too. */
export async function startSentinel(t: Pick<Test, 'teardown'>): Promise<SentinelGroup> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-sentinel-'))
  const servers: [number, number] = [await freePort(), await freePort()]
  const [[primary, replica], sentinel] = [servers, await freePort()]
  const common = (port: number) =>
    `port ${port}\nbind 127.0.0.1\nsave ""\nappendonly no\nrequirepass ${password}\nmasterauth ${password}\ndir ${folder}\n`
  const files = {
    [primary]: common(primary),
    [replica]: `${common(replica)}replicaof 127.0.0.1 ${primary}\n`,
    [sentinel]: `port ${sentinel}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor shared 127.0.0.1 ${primary} 1\nsentinel auth-pass shared ${password}\nsentinel down-after-milliseconds shared 500\nsentinel failover-timeout shared 3000\n`,
  }
  const children = new Map<number, ChildProcess>()
  const launch = (port: number, more: string[] = []) => {
    const args = [join(folder, `${port}.conf`), ...(port === sentinel ? ['--sentinel'] : more)]
    children.set(port, spawn('redis-server', args, { stdio: 'ignore' }))
  }
  t.teardown(async () => {
    for (const child of children.values()) await end(child)
    rmSync(folder, { recursive: true })
  })
  for (const [port, text] of Object.entries(files)) {
    writeFileSync(join(folder, `${port}.conf`), text)
    launch(Number(port))
  }
  const ask = async <T>(port: number, use: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(port, '127.0.0.1', { password, maxRetriesPerRequest: 1 })
    client.on('error', () => {})
    return await use(client).finally(() => {
      client.disconnect()
    })
  }
  const role = async (port: number) =>
    await ask(port, async (client) => await client.info('replication')).catch(() => '')
  const follows = async (port: number) => (await role(port)).includes('master_link_status:up')
  if (!(await holdsSoon(async () => await follows(replica))))
    throw new Error('the replica does not follow')
  const knowsReplica = async () => {
    const client = new Redis(sentinel, '127.0.0.1', { maxRetriesPerRequest: 1 })
    client.on('error', () => {})
    const found = (await client.call('SENTINEL', 'replicas', 'shared').catch(() => [])) as unknown[]
    client.disconnect()
    return found.length === 1 && !/[so]_down|disconnected/.test(String(found))
  }
  if (!(await holdsSoon(knowsReplica))) throw new Error('the sentinel does not know the replica')
  return {
    url: `redis+sentinel://:${password}@127.0.0.1:${await freePort()},127.0.0.1:${sentinel}/shared`,
    killPrimary: async () => {
      await end(children.get(servers[0]) as ChildProcess)
      servers.reverse()
    },
    isPromoted: async () => (await role(servers[0])).includes('role:master'),
    rejoin: async () => {
      // The sentinel would make it a replica only after ten seconds.
      launch(servers[1], ['--replicaof', '127.0.0.1', String(servers[0])])
      if (!(await holdsSoon(async () => (await follows(servers[1])) && (await knowsReplica()))))
        throw new Error('the former primary does not follow')
    },
    keys: async () => await ask(replica, async (client) => await client.keys('*')),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGKILL')
  await ended
}
