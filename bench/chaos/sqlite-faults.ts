import { fork } from 'node:child_process'
import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fill, onSmallDisk } from './disk.js'
import type { Experiment, Row } from './experiment.js'
import { type Fault, measureOutage } from './outage.js'
import { type Place, sqlitePlace } from './place.js'

const reads = ['me', 'refresh', 'login', 'ready'] as const

/** Faults of a SQLite file. */
export const sqliteFaults: Experiment = {
  name: 'sqlite-faults',
  promise:
    'While the SQLite file cannot be used, /claims is unaffected, the other routes respond 503 within 2 s, and all routes recover within 5 s.',
  run: async ({ quick, progress }) => {
    const rows: Row[] = []
    const measure = async (place: Place, faults: Fault[]) => {
      for (const fault of faults) {
        progress(`SQLite: ${fault.what}`)
        const server = await place.start()
        try {
          rows.push(await measureOutage(place, server, fault, quick))
        } finally {
          await server.stop()
        }
      }
    }
    const place = await sqlitePlace()
    await measure(place, [
      {
        what: 'another process holds the write lock',
        spares: reads,
        begin: async () => await hold(place, 'IMMEDIATE'),
      },
      ...(quick
        ? []
        : [
            {
              what: 'another process holds the file exclusively',
              spares: reads,
              begin: async () => await hold(place, 'EXCLUSIVE'),
            },
            {
              what: 'another process takes the write lock repeatedly for 300 ms',
              spares: reads,
              mayPass: true,
              begin: async () => await hold(place, 'IMMEDIATE', 300),
            },
          ]),
    ])
    place.remove()
    await onSmallDisk(
      8,
      async (folder) => {
        const full = await sqlitePlace({ databaseFolder: folder })
        await measure(full, [
          { what: 'disk full', spares: reads, begin: async () => fill(folder) },
          ...(quick
            ? []
            : [
                {
                  what: 'file moved away and back',
                  begin: async () => move(join(folder, 'latchkey.db')),
                },
              ]),
        ])
        full.remove()
      },
      () => {
        progress('SQLite: disk full needs root, for a small file system')
      },
    )
    return rows
  },
}

/** Takes a lock in another process, for good or repeatedly for some milliseconds. */
async function hold(place: Place, mode: string, turns = 0): Promise<() => Promise<void>> {
  const holder = fork(resolve('dist/bench/chaos/hold.js'), [place.databaseUrl, mode, String(turns)])
  await once(holder, 'message')
  return async () => {
    holder.kill('SIGKILL')
    await once(holder, 'exit')
  }
}

function move(file: string): () => Promise<void> {
  for (const end of ['', '-wal', '-shm']) renameSync(`${file}${end}`, `${file}${end}.away`)
  return async () => {
    for (const end of ['', '-wal', '-shm']) renameSync(`${file}${end}.away`, `${file}${end}`)
  }
}
