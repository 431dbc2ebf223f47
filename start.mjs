// `npm start` and `npm run <command>`: builds, then runs the program in this process. An
// installation without the development packages runs the existing build.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19))
  fail(
    `Latchkey needs Node.js 20.19 or newer. This is ${process.versions.node}: install Node.js 22 or 24.`,
  )

// `npm run dev` (dev.mjs) has built, and gives its own process id.
const { LATCHKEY_DEV: developer } = process.env

const here = new URL('.', import.meta.url)
const isBuilt = existsSync(new URL('dist/main.js', here))
const require = createRequire(import.meta.url)
const canBuild =
  existsSync(new URL('src/main.ts', here)) &&
  ['esbuild', 'prisma/package.json'].every((name) => {
    try {
      return require.resolve(name)
    } catch {
      return false
    }
  })
if (!isBuilt && !canBuild)
  fail(
    'dist/ is missing, and the packages that build it are not installed: NODE_ENV=production and --omit=dev leave them out. Run "npm ci --include=dev && npm run build". Then "npm prune --omit=dev" removes them again.',
  )
if (developer === undefined && canBuild)
  execFileSync(process.execPath, ['build.mjs'], { cwd: here, stdio: 'inherit' })

// npm passes SIGTERM only to its shell. The shell ends, and this process would keep running.
const parent = developer === undefined ? process.ppid : Number(developer)
const watch = setInterval(() => {
  if (process.ppid === parent) return
  clearInterval(watch)
  process.kill(process.pid, 'SIGTERM')
}, 250).unref()

await import('./dist/main.js')

function fail(message) {
  console.error(message)
  process.exit(1)
}
