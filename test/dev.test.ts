import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startServer } from './support/process.js'

/** `npm run dev` in a copy of the project. */
async function startCopy(t: Test) {
  const folder = t.testdir()
  for (const file of ['src', 'prisma', 'package.json', 'build.mjs', 'start.mjs', 'dev.mjs'])
    cpSync(file, join(folder, file), { recursive: true })
  const server = await startServer(t, folder, {}, join(folder, 'dev.mjs'))
  let said = ''
  server.process.stderr?.on('data', (chunk) => {
    said += String(chunk)
  })
  const errors = join(folder, 'src/errors.ts')
  const source = readFileSync(errors, 'utf8')
  const [, title = ''] = /\n {2}not_found: \{[^}]*?title: '([^']+)'/.exec(source) ?? []
  return {
    ...server,
    folder,
    errors,
    title,
    /** The source of src/errors.ts with another title of `not_found`. */
    entitled: (other: string) => source.replace(title, other),
    said: () => said,
    /** The title of `not_found` as served; null while no server listens. */
    served: async () => {
      const reply = await fetch(`${server.url}/no-such-path`).catch(() => null)
      return reply && ((await reply.json()) as { title: string }).title
    },
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await wait(10)
}

t.test('npm run dev serves what was saved last', async (t) => {
  const { folder, errors, title, entitled, said, served, process: dev, url } = await startCopy(t)
  t.equal(await served(), title, 'serves at first')

  await t.test('a saved source', async () => {
    const begin = performance.now()
    writeFileSync(errors, entitled('Saved'))
    await until(async () => (await served()) === 'Saved')
    t.comment(`from save to serving: ${Math.round(performance.now() - begin)} ms`)
  })

  await t.test('a syntax error is printed, and the running server stays', async (t) => {
    writeFileSync(errors, `${entitled('Damaged')}\nconst = 1\n`)
    await until(() => said().includes('waiting for the next save'))
    t.match(said(), /src\/errors\.ts:\d+:\d+/, 'the place of the error')
    t.equal(await served(), 'Saved', 'the version that was saved before')
    writeFileSync(errors, entitled('Mended'))
    await until(async () => (await served()) === 'Mended')
  })

  await t.test('a file that an editor replaces, twice, and a new folder', async () => {
    for (const other of ['Replaced', 'Replaced again']) {
      writeFileSync(`${errors}~`, entitled(other))
      renameSync(`${errors}~`, errors)
      await until(async () => (await served()) === other)
    }
    mkdirSync(join(folder, 'src/new'))
    writeFileSync(join(folder, 'src/new/title.ts'), "export const title: string = 'New'\n")
    const imported = `import { title } from './new/title.js'\n${entitled('New')}`
    writeFileSync(errors, imported.replace("'New'", 'title'))
    await until(async () => (await served()) === 'New')
    writeFileSync(join(folder, 'src/new/title.ts'), "export const title: string = 'Newer'\n")
    await until(async () => (await served()) === 'Newer')
  })

  await t.test('a save while the server starts wins', async (t) => {
    const starts = () => said().match(/built in/g)?.length ?? 0
    const before = starts()
    writeFileSync(errors, entitled('First'))
    await until(() => starts() > before)
    writeFileSync(errors, entitled('Second'))
    // A machine that builds more slowly than it starts serves the first one meanwhile.
    await until(async () => (await served()) === 'Second')
    t.equal(await served(), 'Second', 'and it stays')
  })

  await t.test('settings that cannot be used, until the next save of .env', async (t) => {
    writeFileSync(join(folder, '.env'), 'LOG_LEVEL=loud\n')
    await until(() => said().includes('the server ended with code 1'))
    t.match(said(), /LOG_LEVEL: /, 'the message of the server')
    writeFileSync(join(folder, '.env'), 'PUBLIC_URL=https://auth.example.org\n')
    await until(async () => (await served()) !== null)
    const reply = await (await fetch(`${url}/no-such-path`)).text()
    t.match(reply, 'https://auth.example.org/problems', 'the settings of the next save')
  })

  dev.kill('SIGINT')
  const [code] = (await once(dev, 'exit')) as [number]
  t.equal(code, 0, 'Ctrl-C is an orderly end')
  t.equal(await served(), null, 'the server ended with it')
})

t.test('npm run dev leaves no server behind, even if it is killed', async (t) => {
  const { served, process: dev } = await startCopy(t)
  dev.kill('SIGKILL')
  await until(async () => (await served()) === null)
  t.pass('the server has ended by itself')
})
