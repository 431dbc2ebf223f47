import t, { type Test } from 'tap'
import { manageWebhooks, skipNext } from '../../src/cli/manage-webhooks.js'
import { CommandError } from '../../src/cli/command-error.js'
import { receiverKey } from '../../src/webhooks/receiver-url.js'
import { startReceiver, webhookSecret } from '../support/receiver.js'
import { webhookWorld } from '../support/webhook-sender.js'
import { byRow } from '../support/table.js'

async function prepare(t: Test) {
  const world = await webhookWorld(t)
  // The commands follow the clock of the machine.
  world.time.now = Date.now() - 60_000
  const receiver = await startReceiver(t)
  const urls = [receiver.url, 'https://u:hunter2@b.example/secret']
  const config = {
    DATABASE_URL: world.databaseUrl,
    WEBHOOK_URLS: urls,
    WEBHOOK_SECRET: [webhookSecret],
  }
  const run = async (...args: string[]) => {
    let text = ''
    const stdout = { write: (part: string) => (text += part) }
    await manageWebhooks(args, config, { stdout } as never)
    return text.replaceAll(new URL(receiver.url).host, 'a.example')
  }
  const cursors = world.store.webhookCursors
  const key = receiverKey(receiver.url)
  const open = async () => await cursors.open(key, new Date(world.time.now))
  return { ...world, receiver, run, cursors, key, open, config }
}

t.test('list shows how far each receiver has got, and no secret', async (t) => {
  const { run, open, create, cursors, key, time } = await prepare(t)
  const none = 'no server has started with this receiver yet'
  t.equal(await run('list'), `1 a.example: ${none}\n2 b.example: ${none}\n`)
  t.equal(await run('skip', '1'), `1 a.example: ${none}\n`)
  const cursor = await open()
  t.match(await run('list'), /^1 a.example: has every change\n/)
  await create('ada@example.org')
  const next = `next is the change of ${new Date(time.now).toISOString()}`
  t.match(await run('list'), `1 a.example: ${next}\n`)
  const at = new Date(time.now)
  const failed = { failures: 3, lastFailure: 'status 500', retryAt: at }
  await cursors.save(cursor, failed)
  t.match(
    await run('list'),
    `1 a.example: failed 3 times (status 500), next retry at ${at.toISOString()}, ${next}\n`,
  )
  await cursors.save(cursor, { retryAt: null, lastFailure: 'status 410', pausedAt: at })
  t.match(await run('list'), `paused since ${at.toISOString()} (status 410), ${next}\n`)
  t.equal(await run('resume', '1'), '1 a.example: resumed. Servers send within seconds\n')
  t.equal(await run('resume', '1'), '1 a.example: was neither paused nor waiting\n')
  t.match(await cursors.find(key), { pausedAt: null, failures: 0 })
})

t.test('skip leaves out one change, and ends a pause', async (t) => {
  const { run, open, create, cursors, key, time, config } = await prepare(t)
  const cursor = await open()
  const ada = await create('ada@example.org')
  time.now++
  const bob = await create('bob@example.org')
  await cursors.save(cursor, { pausedAt: new Date() })
  t.equal(
    await run('skip', '1'),
    `1 a.example: skipped the change of account ${ada.id} of ${ada.createdAt.toISOString()}\n`,
  )
  t.match(await cursors.find(key), { accountId: ada.id, pausedAt: null })
  t.equal(await cursors.passOver(cursor, { ...cursor }), false, 'not from an earlier place')
  const meanwhile = { ...cursors, passOver: async () => false }
  await t.rejects(skipNext({ cursors: meanwhile, url: config.WEBHOOK_URLS[0] as string }), {
    message: /sent meanwhile/,
  })
  await run('skip', '1')
  t.match(await cursors.find(key), { accountId: bob.id })
  t.equal(await run('skip', '1'), '1 a.example: has every change. Nothing was skipped\n')
})

t.test('test sends an event, and says what came of it', async (t) => {
  const { run, receiver } = await prepare(t)
  t.equal(await run('test', '1'), '1 a.example: took the event (status 204)\n')
  t.match(receiver.received, [{ type: 'webhook.test', data: {}, id: /^msg_test_\d+$/ }])
  receiver.respond = 401
  await t.rejects(
    run('test', '1'),
    new CommandError(`${new URL(receiver.url).host} did not take the event: status 401.`),
  )
})

t.test('wrong arguments are refused before the database is opened', async (t) => {
  const wrong = [[], ['help'], ['list', '1'], ['resume'], ['skip', '1', '2'], ['toString', '1']]
  const numbers = ['0', '3', '-1', 'x', '1.5', ''].map((number) => ['resume', number])
  const refuse = (urls: string[]) => async (args: string[]) =>
    await manageWebhooks(
      args,
      { DATABASE_URL: 'file:./none/x.db', WEBHOOK_URLS: urls, WEBHOOK_SECRET: [] },
      {} as never,
    ).catch((error: unknown) => (error as CommandError).message.split(/[ .]/)[0])
  const rows = (list: string[][]) => list.map((args) => [args.join(' '), args] as const)
  const two = ['https://a.example', 'https://b.example']
  t.strictSame(new Set(Object.values(await byRow(rows(wrong), refuse(two)))), new Set(['Usage:']))
  t.strictSame(new Set(Object.values(await byRow(rows(numbers), refuse(two)))), new Set(['There']))
  t.equal(await refuse([])(['list']), 'WEBHOOK_URLS')
})
