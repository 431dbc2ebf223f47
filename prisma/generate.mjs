// Generates Prisma's client for each database into src/store/generated. Prisma fixes the database
// when it generates a client, so the PostgreSQL schema is derived from schema.prisma.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const prisma = join(
  dirname(createRequire(import.meta.url).resolve('prisma/package.json')),
  'build/index.js',
)
const written = readFileSync(join(here, 'schema.prisma'), 'utf8')
const stamp = join(here, 'derived/generated-from')
const version = JSON.parse(readFileSync(join(dirname(prisma), '../package.json'), 'utf8')).version
const state = `${version}\n${written}`

const fresh =
  existsSync(stamp) &&
  readFileSync(stamp, 'utf8') === state &&
  ['sqlite', 'postgresql'].every((name) =>
    existsSync(join(here, '../src/store/generated', name, 'client.ts')),
  )
/* c8 ignore start -- the clients already exist when the tests run */
if (!fresh) {
  mkdirSync(join(here, 'derived'), { recursive: true })
  for (const provider of ['sqlite', 'postgresql']) {
    const schema = join(here, `derived/${provider}.prisma`)
    writeFileSync(
      schema,
      written
        .replace('provider = "sqlite"', `provider = "${provider}"`)
        .replace('"../src/store/generated/sqlite"', `"../../src/store/generated/${provider}"`),
    )
    execFileSync(process.execPath, [prisma, 'generate', '--schema', schema], {
      cwd: join(here, '..'),
      stdio: 'pipe',
    })
  }
  writeFileSync(stamp, state)
}
/* c8 ignore stop */
