import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { runSession, stepsOf } from '../support/console-session.js'
import { startServer } from '../support/process.js'
import { projectFile } from '../helper.js'

const text = await projectFile('docs/try-it.md')

/** A server in a folder that has what the commands name. */
async function serve(t: Test) {
  const folder = t.testdir({
    docs: t.fixture('symlink', resolve('docs')),
    node_modules: t.fixture('symlink', resolve('node_modules')),
    // Else HTTPie reads the input of the test, for it is no terminal.
    'config.json': JSON.stringify({ default_options: ['--ignore-stdin'] }),
  })
  const { url } = await startServer(t, folder)
  return { folder, port: Number(new URL(url).port) }
}

/** Whether the machine has HTTPie. Says so where it has not. On CI that is a failure. */
function hasHttpie(t: Test): boolean {
  if (spawnSync('http', ['--version']).status === 0) return true
  const why = 'The commands of HTTPie are not run, because there is no http: apt-get install httpie'
  t.notOk(process.env.CI === 'true', why)
  t.comment(why)
  return false
}

t.test('the commands of docs/try-it.md print what it says', async (t) => {
  const { folder, port } = await serve(t)
  const isHttpie = ({ command }: { command: string }) => /\bhttp -/.test(command)
  const steps = stepsOf(text)
  t.equal(steps.filter(isHttpie).length, 6, 'the commands of HTTPie are found')
  const shown = hasHttpie(t) ? steps : steps.filter((step) => !isHttpie(step))
  t.ok(shown.length >= 9, 'the commands are found')
  runSession(t, shown, { cwd: folder, port, env: { ...process.env, HTTPIE_CONFIG_DIR: folder } })
})

t.test('newman runs the collection by the command of docs/try-it.md', async (t) => {
  const { folder, port } = await serve(t)
  const [, command = ''] = /```sh\n(npx newman [^\n]+)\n```/.exec(text) ?? []
  const file = join(folder, 'run.sh')
  writeFileSync(file, command.replace(':3000', `:${port}`))
  const { stdout } = await promisify(execFile)('bash', [file], { cwd: folder })
  t.match(stdout, /✓ {2}the status is 201/)
})

t.test('docs/try-it.md names what there is', async (t) => {
  const collection = await projectFile('docs/latchkey.postman_collection.json')
  const [postman = '', bruno = '', insomnia = ''] = ['Postman', 'Bruno', 'Insomnia'].map(
    (name) => new RegExp(`## ${name}\n[^]*?(?=\n## )`).exec(text)?.[0],
  )
  for (const section of [postman, bruno, insomnia])
    for (const [, name = ''] of section.matchAll(/(?<!\*)\*([A-Z][^*]+)\*(?!\*)/g))
      if (!['Example', 'Postman', 'Latchkey'].includes(name))
        t.ok(collection.includes(`"name": "${name}"`), name)
  for (const [, variable = ''] of postman.matchAll(/variables? `(\w+)`/g))
    t.ok(collection.includes(`"key": "${variable}"`), variable)
  const folders = (JSON.parse(collection) as { item: Array<{ name: string; item: object[] }> }).item
  const requests = folders
    .filter(({ name }) => !['Admin', 'Machine clients'].includes(name))
    .reduce((sum, { item }) => sum + item.length, 0)
  t.match(text, `All ${requests - 1} requests`)
})
