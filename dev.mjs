// `npm run dev`: serves, and builds and starts again when a file of src/ or prisma/, or .env, is
// saved. A build that fails leaves the running server alone until the next save.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const folders = ['src', 'prisma']
// Written by the build itself.
const derived = [join('src', 'store', 'generated'), join('prisma', 'derived')]
// Editors and git write in several steps.
const pauseMilliseconds = 40
// A server without requests ends in 20 ms. The next one needs its port.
const endMilliseconds = 500

let builder
let server
let watchers = []
let timer
let isBusy = false
let isEnding = false
/** Files saved since the last build began. */
let saved = new Set(folders)

/**
 * Watches every folder that exists now. Called before each build: the watch of a folder does
 * not see the folders that were created in it since.
 */
function watchAll() {
  const inner = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ parentPath, name }) => join(parentPath, name)),
  )
  const before = watchers
  watchers = ['.', ...folders, ...inner]
    .filter((path) => !derived.some((one) => path.startsWith(one)))
    .map((path) => watch(path, (_, name) => onChange(path, name ?? '')).on('error', () => {}))
  for (const watcher of before) watcher.close()
}

function onChange(folder, name) {
  const path = join(folder, name)
  // The swap files and copies of editors.
  const isOther = folder === '.' ? name !== '.env' : /^\.|~$/.test(name)
  if (isOther || derived.includes(path)) return
  saved.add(path)
  clearTimeout(timer)
  timer = setTimeout(restart, pauseMilliseconds)
}

/** Builds and starts what was saved. A save in the meantime wins: it begins again. */
async function restart() {
  if (isBusy) return
  isBusy = true
  while (saved.size > 0) {
    const paths = [...saved]
    saved = new Set()
    if (!(await build(paths)) || saved.size > 0) continue
    await stop()
    if (isEnding) return
    start()
  }
  isBusy = false
}

async function build(paths) {
  const begin = performance.now()
  try {
    watchAll()
    if (paths.some((path) => path.startsWith('prisma')))
      await promisify(execFile)(process.execPath, ['prisma/generate.mjs'])
    builder ??= await (await import('./build.mjs')).openBuild()
    await builder.build()
  } catch (error) {
    // esbuild has printed its own errors.
    if (error.errors === undefined) console.error(error.stderr || error)
    say('the build failed; waiting for the next save')
    return false
  }
  say(`built in ${Math.round(performance.now() - begin)} ms (${paths.join(', ')})`)
  return true
}

function start() {
  // A group of its own, so that Ctrl-C reaches the server through this process alone.
  const child = spawn(process.execPath, ['start.mjs'], {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, LATCHKEY_DEV: String(process.pid) },
  })
  server = { child, ended: once(child, 'exit'), stopping: undefined }
  child.once('exit', (code) => {
    if (!server.stopping) say(`the server ended with code ${code}; waiting for the next save`)
    server = undefined
  })
}

/** Ends the server and its workers, by force if they take too long. */
async function stop() {
  if (server === undefined) return
  const { child, ended } = server
  server.stopping ??= (async () => {
    child.kill('SIGTERM')
    const force = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), endMilliseconds)
    await ended
    clearTimeout(force)
  })()
  await server.stopping
}

function say(text) {
  console.error(`dev: ${text}`)
}

// npm passes a signal of the terminal on, so that it arrives twice.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, async () => {
    isEnding = true
    await stop()
    process.exit(0)
  })

// npm passes SIGTERM on to its shell only, which ends and leaves this process behind.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
}, 250)

await restart()
