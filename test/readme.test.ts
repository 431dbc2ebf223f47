import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { freshDatabase, onEachDatabase, projectFile } from './helper.js'
import { freePort } from './support/cluster.js'
import { runSession, stepsOf } from './support/console-session.js'

/**
 * Starts `npm start` in a folder that holds nothing but what is in the repository, and the
 * installed packages.
 */
async function npmStart(t: Test, env: Record<string, string>) {
  const folder = t.testdir()
  const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !file.startsWith('test/'))
  for (const file of tracked) cpSync(file, join(folder, file))
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  const { PATH = '', HOME = '' } = process.env
  const child = spawn('npm', ['start'], {
    cwd: folder,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += String(chunk)
    })
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => {
      if (output.includes('Latchkey serves')) resolve()
    })
    child.once('close', () => {
      reject(new Error(output))
    })
  })
  return {
    folder,
    stop: async () => {
      child.kill('SIGTERM')
      await closed
    },
    output: () => output,
  }
}

await onEachDatabase(t, async (t, database) => {
  const steps = stepsOf(await projectFile('README.md'))
  t.ok(steps.length >= 7, 'the session is found')
  const port = await freePort()
  const env = {
    PORT: String(port),
    ...(database === 'postgresql' && {
      DATABASE_URL: await freshDatabase(t, database),
      AUTO_MIGRATE: 'on',
    }),
  }
  const server = await npmStart(t, env)
  runSession(t, steps, { cwd: server.folder, port })
  await server.stop()
  t.match(server.output(), database === 'sqlite' ? /database SQLite/ : /database PostgreSQL/)
  t.match(
    server.output(),
    /SIGTERM: finishing running requests/,
    'SIGTERM to npm reaches the server, which ends',
  )
})

t.test('the commands and files that the texts name exist', async (t) => {
  const { scripts } = JSON.parse(await projectFile('package.json')) as {
    scripts: Record<string, string>
  }
  for (const name of [
    'README.md',
    'CONTRIBUTING.md',
    '.env.example',
    'SECURITY.md',
    'docs/keys.md',
    'docs/add-a-route.md',
    'docs/try-it.md',
  ]) {
    const text = await projectFile(name)
    for (const [, command = ''] of text.matchAll(/\bnpm (?:run )?(start|test|(?<=run )[a-z:]+)/g))
      t.ok(command in scripts, `${name}: npm run ${command}`)
    for (const [, file = ''] of text.matchAll(/\]\(([^)#:]+)\)/g))
      await t.resolves(projectFile(join(dirname(name), file)), `${name}: ${file}`)
  }
})
