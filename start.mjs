// `npm start` and `npm run <command>`: builds, then runs the program in this process. An
// installation without the development packages runs the existing build.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

// `npm run dev` (dev.mjs) has built, and gives its own process id.
const { LATCHKEY_DEV: developer } = process.env

const require = createRequire(import.meta.url)
const canBuild = ['esbuild', 'prisma/package.json'].every((name) => {
  try {
    return require.resolve(name)
  } catch {
    return false
  }
})
if (developer === undefined && (canBuild || !existsSync(new URL('dist/main.js', import.meta.url))))
  execFileSync(process.execPath, ['build.mjs'], {
    cwd: new URL('.', import.meta.url),
    stdio: 'inherit',
  })

// npm passes SIGTERM only to its shell. The shell ends, and this process would keep running.
const parent = developer === undefined ? process.ppid : Number(developer)
const watch = setInterval(() => {
  if (process.ppid === parent) return
  clearInterval(watch)
  process.kill(process.pid, 'SIGTERM')
}, 250).unref()

await import('./dist/main.js')
