import t from 'tap'
import { setTimeout as wait } from 'node:timers/promises'
import { runSession, stepsOf } from '../support/console-session.js'
import { createCommands } from '../support/operator.js'
import { post, startServer } from '../support/process.js'
import { goodPassword, projectFile } from '../helper.js'

const text = await projectFile('docs/admin.md')

t.test('the commands of docs/admin.md work and print what it says', async (t) => {
  const folder = t.testdir()
  const { url } = await startServer(t, folder, { DATABASE_URL: `file:${folder}/latchkey.db` })
  const run = createCommands({ DATABASE_URL: `file:${folder}/latchkey.db` })
  const commands = [...text.matchAll(/^npm run users -- (.+)$/gm)].map(([, line = '']) => line)
  t.strictSame(
    commands.map((line) => line.split(' ')[0]),
    ['create', 'grant'],
  )
  for (const line of commands) {
    const { stdout, stderr } = await run(line.split(' '), { input: goodPassword })
    t.match(stdout, /^(Created|Granted) /, line)
    t.equal(stderr, '', line)
  }
  await wait(2)
  await post(`${url}/signup`, { email: 'grace@example.org', password: goodPassword })
  const steps = stepsOf(text)
  t.equal(steps.length, 9, 'the commands are found')
  runSession(t, steps, { cwd: folder, port: Number(new URL(url).port) })
})
