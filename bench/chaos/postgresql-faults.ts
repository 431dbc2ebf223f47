import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import type { BenchServer } from '../server.js'
import { fill, onSmallDisk } from './disk.js'
import type { Experiment, Row } from './experiment.js'
import { type Fault, measureOutage } from './outage.js'
import { type PostgresPlace, postgresPlace } from './place.js'

/** Faults of PostgreSQL and of the network to it. */
export const postgresFaults: Experiment = {
  name: 'postgresql-faults',
  promise:
    'While PostgreSQL cannot be used, /claims is unaffected, the other routes respond 503 within 2 s, and all routes recover within 5 s.',
  run: async ({ quick, progress }) => {
    const rows: Row[] = []
    const place = await postgresPlace()
    // One server for all faults: leftovers of a fault would show in the next one.
    const server = await place.start()
    const measure = async (place: PostgresPlace, server: BenchServer, fault: Fault) => {
      progress(`PostgreSQL: ${fault.what}`)
      rows.push(await measureOutage(place, server, fault, quick))
    }
    try {
      for (const { fullOnly = false, ...fault } of faults(place)) {
        if (!quick || !fullOnly) await measure(place, server, fault)
      }
      const stuck = await place.query(
        "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
      )
      rows.push({
        what: 'open transactions after all faults',
        kept: stuck.length === 0,
        figures: { database: 'PostgreSQL', 'the rest': String(stuck.length) },
      })
    } finally {
      await server.stop()
      place.remove()
    }
    // Programs, data and recovery need more than 100 MiB of these.
    if (!quick)
      await onSmallDisk(
        250,
        async (folder) => {
          await onFullDisk(folder, measure)
        },
        () => {
          progress('PostgreSQL: disk full needs root, for a small file system')
        },
      )
    return rows
  },
}

const terminate =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latchkey'"

function faults(place: PostgresPlace): Array<Fault & { fullOnly?: boolean }> {
  const { database, databaseUrl, proxy, query } = place
  const delay = (milliseconds: number) => async () => {
    proxy.delay(milliseconds)
    return async () => {
      proxy.delay(0)
    }
  }
  return [
    {
      what: 'stopped at once and started again',
      begin: async () => {
        await database('stop')
        return async () => {
          await database('start')
        }
      },
    },
    {
      what: 'connections swallowed (black hole)',
      begin: async () => {
        proxy.blackHole(true)
        return async () => {
          proxy.blackHole(false)
        }
      },
    },
    {
      what: 'users locked exclusively',
      fullOnly: true,
      begin: async () => await lock(databaseUrl),
    },
    { what: 'every response 200 ms late', mayPass: true, fullOnly: true, begin: delay(100) },
    { what: 'every response 5 s late', fullOnly: true, begin: delay(2500) },
    {
      what: 'backends terminated every 100 ms',
      mayPass: true,
      fullOnly: true,
      begin: async () =>
        await again(100, async () => {
          await query(terminate)
        }),
    },
    {
      what: 'connections reset every 100 ms',
      mayPass: true,
      fullOnly: true,
      begin: async () =>
        await again(100, async () => {
          proxy.reset()
        }),
    },
    {
      what: 'too many clients',
      fullOnly: true,
      begin: async () => {
        await query('ALTER ROLE latchkey CONNECTION LIMIT 0')
        await query(terminate)
        return async () => {
          await query('ALTER ROLE latchkey CONNECTION LIMIT -1')
        }
      },
    },
  ]
}

/** Locks the table of accounts exclusively from another connection. */
async function lock(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  return async () => {
    await client.end()
  }
}

async function again(milliseconds: number, act: () => Promise<void>): Promise<() => Promise<void>> {
  const end = new AbortController()
  const loop = (async () => {
    while (!end.signal.aborted) {
      await act()
      await wait(milliseconds)
    }
  })()
  return async () => {
    end.abort()
    await loop
  }
}

async function onFullDisk(
  folder: string,
  measure: (place: PostgresPlace, server: BenchServer, fault: Fault) => Promise<void>,
): Promise<void> {
  const place = await postgresPlace({ folder })
  const server = await place.start()
  try {
    await measure(place, server, {
      what: 'disk full, also for the transaction log',
      mayPass: true,
      begin: async () => {
        const free = fill(folder)
        await place
          .query('CREATE TABLE more AS SELECT generate_series(1, 1e6) AS number')
          .catch(() => {})
        await place.query('SELECT pg_switch_wal()').catch(() => {})
        return async () => {
          await free()
          // PostgreSQL stops if its transaction log has no space.
          await place.database('start')
        }
      },
    })
  } finally {
    await server.stop()
    place.remove()
  }
}
