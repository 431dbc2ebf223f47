import type { Config } from '../config.js'
import type { Store } from '../store/open-store.js'
import type { WebhookCursor } from '../store/webhook-cursors.js'
import { deliver } from '../webhooks/deliver.js'
import { settleMilliseconds } from '../webhooks/event.js'
import { receiverHost, receiverKey } from '../webhooks/receiver-url.js'
import { CommandError } from './command-error.js'
import { openDatabase } from './open-database.js'
import type { Terminal } from './terminal.js'

const usage = `Usage: npm run webhooks -- <command>
  list         the receivers of WEBHOOK_URLS, and how far each has got
  resume <n>   sends to receiver n again, after it responded 410, or at once instead of at the next retry
  skip <n>     leaves out the next change for receiver n, if the receiver refuses it for ever
  test <n>     sends an event "webhook.test" to receiver n, and prints the result`

/** The dependencies of a command. */
interface CommandDeps {
  cursors: Store['webhookCursors']
  url: string
  config: Pick<Config, 'WEBHOOK_SECRET'>
}

const timeoutMilliseconds = 5000

/**
 * `npm run webhooks -- <command>`: shows and controls the receivers of webhooks. Errors of
 * `openStore` pass through.
 *
 * @throws CommandError if the arguments are not valid (nothing is opened then), the database
 *   does not exist, or the command fails
 */
export async function manageWebhooks(
  args: string[],
  config: Pick<Config, 'DATABASE_URL' | 'WEBHOOK_URLS' | 'WEBHOOK_SECRET'>,
  { stdout }: Pick<Terminal, 'stdout'>,
): Promise<void> {
  const [command = '', number] = args
  const commands = { list, resume, skip: skipNext, test: sendTest }
  const isKnown = Object.hasOwn(commands, command) && args.length === (command === 'list' ? 1 : 2)
  if (!isKnown) throw new CommandError(usage)
  const urls = config.WEBHOOK_URLS
  if (urls.length === 0) throw new CommandError('WEBHOOK_URLS is not set.')
  const chosen = number === undefined ? urls : [urls[Number(number) - 1]]
  if (!chosen.every((url) => url !== undefined))
    throw new CommandError(`There is no receiver ${number}. "list" shows the receivers.`)
  const run = commands[command as keyof typeof commands]
  const store = await openDatabase(config)
  try {
    for (const url of chosen) {
      const text = await run({ cursors: store.webhookCursors, url, config })
      stdout.write(`${urls.indexOf(url) + 1} ${receiverHost(url)}: ${text}\n`)
    }
  } finally {
    await store.close()
  }
}

async function list({ cursors, url }: CommandDeps): Promise<string> {
  const cursor = await cursors.find(receiverKey(url))
  if (cursor === null) return noCursor
  const { pausedAt, retryAt, failures, lastFailure } = cursor
  const next = await findNext(cursors, cursor)
  const behind =
    next === null ? 'has every change' : `next is the change of ${next.changedAt.toISOString()}`
  if (pausedAt !== null) return `paused since ${pausedAt.toISOString()} (${lastFailure}), ${behind}`
  if (retryAt === null) return behind
  return `failed ${failures} times (${lastFailure}), next retry at ${retryAt.toISOString()}, ${behind}`
}

async function resume({ cursors, url }: CommandDeps): Promise<string> {
  const isResumed = await cursors.resume(receiverKey(url))
  return isResumed ? 'resumed. Servers send within seconds' : 'was neither paused nor waiting'
}

/**
 * `webhooks skip`: moves a receiver past its next change, and ends its pause.
 *
 * @throws CommandError if a server delivered the change meanwhile
 */
export async function skipNext({
  cursors,
  url,
}: Pick<CommandDeps, 'cursors' | 'url'>): Promise<string> {
  const cursor = await cursors.find(receiverKey(url))
  if (cursor === null) return noCursor
  const next = await findNext(cursors, cursor)
  if (next === null) return 'has every change. Nothing was skipped'
  const { id, changedAt } = next
  const isSkipped = await cursors.passOver(cursor, { changedAt, accountId: id })
  if (!isSkipped) throw new CommandError('The change was sent meanwhile. Nothing was skipped.')
  return `skipped the change of account ${id} of ${changedAt.toISOString()}`
}

async function sendTest({ url, config }: CommandDeps): Promise<string> {
  const now = Date.now()
  const timestamp = new Date(now).toISOString()
  const body = JSON.stringify({ type: 'webhook.test', timestamp, data: {} })
  const { kind, detail } = await deliver(
    url,
    { id: `msg_test_${now}`, body },
    {
      secrets: config.WEBHOOK_SECRET,
      now,
      timeoutMilliseconds,
      signal: new AbortController().signal,
    },
  )
  if (kind !== 'delivered')
    throw new CommandError(`${receiverHost(url)} did not take the event: ${detail}.`)
  return `took the event (${detail})`
}

const noCursor = 'no server has started with this receiver yet'

async function findNext(cursors: Store['webhookCursors'], cursor: WebhookCursor) {
  const until = new Date(Date.now() - settleMilliseconds)
  return (await cursors.changesAfter(cursor, until, 1))[0] ?? null
}
