// `users import`: how long a file of many accounts takes on a fresh database, how much memory that
// needs at most, and how long the same file takes again.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const main = resolve('dist/main.js')
const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

/**
 * @param lines of the file
 * @param databaseUrl an empty database in place of a file of its own
 */
export async function importUsers({ lines = 100_000, databaseUrl = '' } = {}) {
  execFileSync(process.execPath, ['build.mjs'], { stdio: 'inherit' })
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const file = join(folder, 'users.jsonl')
  await pipeline(Readable.from(people(lines)), createWriteStream(file))
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: databaseUrl || `file:${join(folder, 'users.db')}`,
    AUTO_MIGRATE: 'on',
  }
  const results = {
    'all of them new': await run(file, folder, env),
    'all of them there': await run(file, folder, env),
  }
  rmSync(folder, { recursive: true })
  console.table(
    Object.fromEntries(
      Object.entries(results).map(([name, { seconds, mib }]) => [
        `${lines} lines, ${name}`,
        {
          seconds: seconds.toFixed(1),
          'lines/s': Math.round(lines / seconds),
          'most memory, MiB': mib,
        },
      ]),
    ),
  )
}

async function run(file, cwd, env) {
  const begin = performance.now()
  const child = spawn(process.execPath, [main, 'users', 'import', file], {
    cwd,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  let mib = NaN
  // Linux; NaN elsewhere.
  const watch = setInterval(() => {
    try {
      mib = Math.round(
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024,
      )
    } catch {}
  }, 50)
  const [code] = await once(child, 'exit')
  clearInterval(watch)
  if (code !== 0) throw new Error(`the import ended with ${code}`)
  return { seconds: (performance.now() - begin) / 1000, mib }
}

function* people(lines) {
  for (let i = 0; i < lines; i++)
    yield `${JSON.stringify({ email: `person-${i}@example.org`, password_hash: hash, name: `Person ${i}`, email_verified: i % 2 === 0 })}\n`
}
