import { openStore } from '../../src/store/open-store.js'
import { type Cluster, killServer, makeCluster, removeCluster } from '../../test/support/cluster.js'
import { query } from '../../test/support/query.js'
import { follow, type Following, makeEmptyCluster, promote } from '../../test/support/standby.js'
import { type Proxy, startProxy } from '../../test/support/tcp-proxy.js'

/** A PostgreSQL, and a proxy in front of it. */
export interface Host {
  cluster: Cluster
  proxy: Proxy
}

/** A primary and its standby, which change roles. */
export interface Pair {
  hosts: [Host, Host]
  /** The primary, and the standby. */
  roles: [Host, Host]
  /** Promotes the standby, and returns the time. */
  failOver: () => Promise<number>
  /** Makes the former primary the standby, with a copy of the data of the new one. */
  rejoin: (following: Following) => Promise<void>
  stored: () => Promise<string[]>
}

/** The part of a test that the helpers of the tests need. */
export interface Owner {
  teardown: (cleanup: () => unknown) => void
  comment: (line: string) => void
  notOk: () => true
}

/** Returns the addresses of a database. */
export const storedIn = async (url: string) =>
  (await query(url, 'SELECT email FROM users')).map(({ email }) => String(email))

/** Creates the pair, with migrated tables. It has no standby before the first `rejoin`. */
export async function makePair(t: Owner): Promise<Pair> {
  const one = await makeCluster()
  const clusters = [one, await makeEmptyCluster(one)]
  const hosts = await Promise.all(
    clusters.map(async (cluster) => {
      const proxy = await startProxy(Number(new URL(cluster.url).port))
      t.teardown(() => {
        removeCluster(cluster)
        proxy.close()
      })
      return { cluster, proxy }
    }),
  )
  const [fsync] = await query(one.url, 'SHOW fsync')
  if (fsync?.fsync !== 'on')
    throw new Error('this PostgreSQL is not durable, so its losses prove nothing')
  await (await openStore(one.url, { autoMigrate: true, clock: Date.now })).close()
  const roles = [...hosts] as [Host, Host]
  return {
    hosts: hosts as [Host, Host],
    roles,
    failOver: async () => {
      await promote(roles[1].cluster)
      roles.reverse()
      return performance.now()
    },
    rejoin: async (following) => {
      await killServer(roles[1].cluster)
      for (const { proxy } of hosts) proxy.blackHole(false)
      await follow(roles[0].cluster, roles[1].cluster, following)
    },
    stored: async () => await storedIn(roles[0].cluster.url),
  }
}
