import { writeFileSync } from 'node:fs'
import t from 'tap'
import { manageClients } from '../../src/cli/manage-clients.js'
import { loadConfig } from '../../src/config.js'
import { runSession, stepsOf } from '../support/console-session.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { startServer } from '../support/process.js'
import { projectFile } from '../helper.js'

const text = await projectFile('docs/machine-clients.md')

t.test('the session of docs/machine-clients.md prints what it says', async (t) => {
  const folder = t.testdir()
  const env = { DATABASE_URL: `file:${folder}/latchkey.db` }
  const { url } = await startServer(t, folder, env)
  const [, command = ''] = /^npm run clients -- (.+) > client\.txt$/m.exec(text) ?? []
  const terminal = fakeTerminal()
  await manageClients(command.split(' '), loadConfig(env), terminal)
  const { stdout } = await terminal.output()
  t.match(stdout, /^client_id: \S+\nclient_secret: lk_\S+\n$/)
  writeFileSync(`${folder}/client.txt`, stdout)
  const steps = stepsOf(text)
  t.equal(steps.length, 8, 'the commands are found')
  const admin = text.includes('{"users":[],"next_cursor":null}')
  t.ok(admin, 'the session begins without accounts')
  runSession(t, steps, { cwd: folder, port: Number(new URL(url).port) })
})
