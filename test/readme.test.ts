import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { freshDatabase, onEachDatabase, projectFile } from './helper.js'
import { freePort } from './support/cluster.js'

/** One command of the README's console session and what the README says it prints. */
interface Step {
  command: string
  output: string
}

function readSession(readme: string): Step[] {
  const block = /```console\n([^]*?)```/.exec(readme)?.[1] ?? ''
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = '', ...lines] = step.trim().split('\n')
      return { command, output: lines.join('\n') }
    })
}

/** `…` stands for what differs each time. */
function pattern(output: string): RegExp {
  return new RegExp(
    `^${output
      .split('…')
      .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('\\S+?')}$`,
  )
}

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
  const steps = readSession(await projectFile('README.md'))
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
  const marker = '--- end of step ---'
  // A mail is written within a second: a person who types the commands need not wait.
  const ready = (command: string) =>
    command.includes('data/outbox')
      ? 'until ls data/outbox/*.eml >/dev/null 2>&1; do sleep 0.1; done\n'
      : ''
  const script = steps
    .map(
      ({ command }) =>
        `${ready(command)}${command.replaceAll('localhost:3000', `localhost:${port}`)}\necho '${marker}'`,
    )
    .join('\n')
  const outputs = execFileSync('bash', ['-c', script], {
    encoding: 'utf8',
    cwd: server.folder,
    timeout: 60_000,
  })
    .replaceAll(`localhost:${port}`, 'localhost:3000')
    .replaceAll('\r', '')
    .split(`${marker}\n`)
  for (const [index, { command, output }] of steps.entries())
    t.match(outputs[index]?.trim(), pattern(output), command)
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
  ]) {
    const text = await projectFile(name)
    for (const [, command = ''] of text.matchAll(/\bnpm (?:run )?(start|test|(?<=run )[a-z:]+)/g))
      t.ok(command in scripts, `${name}: npm run ${command}`)
    for (const [, file = ''] of text.matchAll(/\]\(([^)#:]+)\)/g))
      await t.resolves(projectFile(file), `${name}: ${file}`)
  }
})
