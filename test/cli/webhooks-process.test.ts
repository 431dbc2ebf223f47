import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { receiverKey } from '../../src/webhooks/receiver-url.js'
import { freshDatabase, query } from '../helper.js'
import { runMain, startServer } from '../support/process.js'
import { startReceiver, webhookSecret } from '../support/receiver.js'
import { holdsSoon } from '../support/redis.js'

const command = (...args: string[]) => ({ args: ['webhooks', ...args] })

/** A receiver, the settings for it, and the store of a migrated database. */
async function setUp(t: Test) {
  const receiver = await startReceiver(t)
  const databaseUrl = await freshDatabase(t, 'sqlite')
  const env = {
    DATABASE_URL: databaseUrl,
    WEBHOOK_URLS: `${receiver.url}?key=s3cret`,
    WEBHOOK_SECRET: webhookSecret,
    KEYS_FILE: `${t.testdirName}.keys.json`,
  }
  const store = await openStore(databaseUrl, { autoMigrate: true, clock: Date.now })
  t.teardown(store.close)
  const key = receiverKey(env.WEBHOOK_URLS)
  const { host } = new URL(receiver.url)
  return { receiver, env, store, key, host }
}

t.test('while the server runs: list, resume, skip', async (t) => {
  const { receiver, env, store, key, host } = await setUp(t)
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runMain(t, '.', { env, ...command(...args) })
    t.strictSame([code, stderr], [0, ''], args.join(' '))
    return stdout.replace(host, 'receiver')
  }
  // The changes are as old as if no server had run for a minute.
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1000)
  await store.webhookCursors.open(key, ago(60))
  const times: string[] = []
  for (let index = 0; index < 3; index++) {
    const at = ago(50 - index).toISOString()
    times.push(at)
    const stored = at.replace('Z', '+00:00')
    await query(
      env.DATABASE_URL,
      `INSERT INTO users (id, email, password_hash, created_at, updated_at, changed_at) VALUES ('0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd${index}', 'p${index}@example.org', '!', '${stored}', '${stored}', '${stored}')`,
    )
  }
  t.equal(await run('list'), `1 receiver: next is the change of ${times[0]}\n`)
  receiver.respond = 410
  const server = await startServer(t, '.', env)
  const isPaused = async () => (await store.webhookCursors.find(key))?.pausedAt !== null
  t.ok(await holdsSoon(async () => receiver.received.length === 1 && (await isPaused())))
  t.match(
    await run('list'),
    new RegExp(
      `^1 receiver: paused since \\S+ \\(status 410\\), next is the change of ${times[0]}\n$`,
    ),
  )
  t.equal(
    await run('skip', '1'),
    `1 receiver: skipped the change of account 0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd0 of ${times[0]}\n`,
  )
  t.ok(await holdsSoon(async () => receiver.received.length === 2 && (await isPaused())))
  receiver.respond = 204
  t.equal(await run('resume', '1'), '1 receiver: resumed. Servers send within seconds\n')
  t.ok(await holdsSoon(() => receiver.received.length === 4))
  t.strictSame(
    receiver.received.map(({ data }) => data.email?.slice(0, 2)),
    ['p0', 'p1', 'p1', 'p2'],
  )
  const isFree = async () => (await store.webhookCursors.find(key))?.owner === null
  t.ok(await holdsSoon(isFree))
  t.equal(await run('list'), '1 receiver: has every change\n')
  t.equal(await server.stop('SIGTERM'), 0)
  t.notMatch(JSON.stringify(server.lines()), /s3cret|\/hooks|@example\.org|whsec_/, 'the log')
})
t.test('exit codes and messages', async (t) => {
  const { receiver, env, host } = await setUp(t)
  const took = await runMain(t, '.', { env, ...command('test', '1') })
  t.match(took, { code: 0, stdout: `1 ${host}: took the event (status 204)\n`, stderr: /^$/ })
  receiver.queue.push(500, (reply) => {
    reply.socket?.destroy()
  })
  const folder = t.testdirName
  const rows: Array<[args: string[], stderr: RegExp, env?: Record<string, string>]> = [
    [['test', '1'], / did not take the event: status 500\.\n$/],
    [['test', '1'], / did not take the event: (UND_ERR_SOCKET|ECONNRESET)\.\n$/],
    [['test'], /^Usage: npm run webhooks -- <command>\n {2}list /],
    [['resume', '2'], /^There is no receiver 2\. /],
    [['list'], /^WEBHOOK_URLS is not set\.\n$/, { WEBHOOK_URLS: '' }],
    [['list'], /^There is no database /, { DATABASE_URL: `file:${folder}/none/none.db` }],
    [['list'], /^These settings cannot be used:\n {2}WEBHOOK_SECRET: /, { WEBHOOK_SECRET: 'x' }],
    [['list'], /^These settings cannot be used:\n {2}WEBHOOK_URLS: /, { WEBHOOK_URLS: 'x' }],
  ]
  for (const [args, stderr, more = {}] of rows) {
    const ended = await runMain(t, '.', { env: { ...env, ...more }, ...command(...args) })
    t.match(ended, { code: 1, stdout: /^$/, stderr }, args.join(' '))
    t.notMatch(ended.stderr, /\n {4}at |s3cret|whsec_M/, 'no stack, no secret')
  }
})
