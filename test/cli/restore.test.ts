import { maxNewAccounts } from '../../src/store/create-many.js'
import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { goodPassword, projectFile, query } from '../helper.js'
import { migrate } from '../support/migrated.js'
import { post, runMain, startServer } from '../support/process.js'

const env = { RATE_LIMITS: 'off', ARGON2_MEMORY_KIB: '7168', ARGON2_PASSES: '5' }

t.test('a backup while the server writes can be restored', async (t: Test) => {
  const folder = t.testdir({ old: {}, new: {} })
  const [old, fresh] = [join(folder, 'old'), join(folder, 'new')]
  const server = await startServer(t, old, env)
  const acknowledged: string[] = []
  const refreshTokens: string[] = []
  const state = { writing: true }
  const write = async () => {
    while (state.writing) {
      const email = `${crypto.randomUUID()}@example.org`
      const reply = await post(`${server.url}/signup`, { email, password: goodPassword })
      if (reply.status !== 201) throw new Error(String(reply.status))
      acknowledged.push(email)
      refreshTokens.push(((await reply.json()) as { refresh_token: string }).refresh_token)
    }
  }
  const writers = Promise.all([write(), write(), write()])
  while (acknowledged.length < 5) await new Promise(setImmediate)

  const before = [...acknowledged]
  const { code, stdout, stderr } = await runMain(t, old, { env, args: ['backup'] })
  t.equal(code, 0, stderr)
  const [, file = '', count] = /^Wrote (\S+): (\d+) accounts /.exec(stdout) ?? []
  const copiedWithin = acknowledged.length
  state.writing = false
  await writers
  t.ok(Number(count) >= before.length && Number(count) <= copiedWithin + 3, `${count} accounts`)
  t.ok(acknowledged.length > before.length, 'the server wrote meanwhile')
  t.equal(await server.stop('SIGTERM'), 0)

  // The folder has another database: the steps of the document replace it.
  const [, steps = ''] =
    /To restore SQLite[^]*?```sh\n([^]*?)```/.exec(await projectFile('docs/deploy.md')) ?? []
  t.match(steps, 'latchkey-<time>.db')
  const other = await startServer(t, fresh, env)
  t.equal(await other.stop('SIGKILL'), null)
  mkdirSync(join(fresh, 'backup'))
  copyFileSync(file, join(fresh, 'backup', basename(file)))
  copyFileSync(join(old, 'data/keys.json'), join(fresh, 'backup/keys.json'))
  execFileSync('bash', ['-ec', steps.replace('latchkey-<time>.db', basename(file))], { cwd: fresh })
  for (const name of ['keys.json', 'latchkey.db'])
    t.equal(statSync(join(fresh, 'data', name)).mode & 0o777, 0o600, name)
  const restored = await startServer(t, fresh, { ...env, PORT: new URL(server.url).port })
  for (const email of before.slice(0, 5)) {
    const login = await post(`${restored.url}/login`, { email, password: goodPassword })
    t.equal(login.status, 200, 'log in')
  }
  const refresh = await post(`${restored.url}/refresh`, { refresh_token: refreshTokens[0] })
  t.equal(refresh.status, 200, 'with the keys, users stay logged in')
  const again = await post(`${restored.url}/signup`, {
    email: 'new@example.org',
    password: goodPassword,
  })
  t.equal(again.status, 201, 'the restored database takes writes')
  const emails = (await query(`file:${file}`, 'SELECT email FROM users')).map(({ email }) => email)
  t.strictSame(
    before.filter((email) => !emails.includes(email)),
    [],
    'all that was acknowledged before is in the backup',
  )
  t.equal(await restored.stop('SIGTERM'), 0)
})

t.test('a full disk ends with a message and leaves no file', async (t: Test) => {
  const folder = t.testdir({ data: {} })
  const url = await migrate(`file:${join(folder, 'data/latchkey.db')}`)
  const { accounts, close } = await openStore(url, { autoMigrate: false, clock: Date.now })
  await accounts.createMany(
    Array.from({ length: maxNewAccounts }, (_, index) => ({
      email: `p${index}@example.org`,
      passwordHash: 'x'.repeat(100),
      name: null,
      emailVerified: false,
    })),
  )
  await close()
  // No file of the process may grow beyond 100 KiB: to SQLite that is a full disk.
  const run = promisify(execFile)('bash', [
    '-c',
    `cd '${folder}'; trap "" XFSZ; ulimit -S -f 100; exec env -i PATH="$PATH" "$0" "$1" backup`,
    process.execPath,
    resolve('dist/main.js'),
  ])
  await t.rejects(run, {
    code: 1,
    stdout: '',
    stderr: /^The database cannot be copied to \S+\.db: SQLITE_(FULL|IOERR)[^\n]*\.\n$/,
  })
  t.strictSame(readdirSync(join(folder, 'data/backup')), [])
})
