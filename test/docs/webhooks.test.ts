import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { signWebhook } from '../../src/webhooks/signature.js'
import { projectFile } from '../helper.js'
import { webhookSecret } from '../support/receiver.js'
import { byRow } from '../support/table.js'

const text = await projectFile('docs/webhooks.md')
const other = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

/** Returns an example of the document, by the name of its file. */
function example(file: string): string {
  const code = new RegExp(
    `\`\`\`\\w+\\n(?:// |# )${file.replace('.', '\\.')}\\n([^]*?)\`\`\``,
  ).exec(text)
  if (code?.[1] === undefined) throw new Error(`There is no example ${file}.`)
  return code[1]
}

/** A signed message of now, and the same with faults. */
function messages() {
  const now = Math.floor(Date.now() / 1000)
  const id = 'msg_1'
  const body = JSON.stringify({
    type: 'user.updated',
    timestamp: '2026-01-02T03:04:05.678Z',
    data: { id: 'a', name: 'Zoë' },
  })
  const message = (secrets: string[], seconds = now) => ({
    body,
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': signWebhook(secrets, id, seconds, body),
    },
  })
  const good = message([webhookSecret])
  const rows: Array<[name: string, message: typeof good, isGood: boolean]> = [
    ['good', good, true],
    ['of a rotation', message([other, webhookSecret]), true],
    ['another secret', message([other]), false],
    ['too old', message([webhookSecret], now - 400), false],
    ['too new', message([webhookSecret], now + 400), false],
    ['another body', { ...good, body: body.replace('Zoë', 'Eve') }, false],
    ['another id', { ...good, headers: { ...good.headers, 'webhook-id': 'msg_2' } }, false],
    ['no signature', { ...good, headers: { ...good.headers, 'webhook-signature': 'v1,' } }, false],
    [
      'another version',
      {
        ...good,
        headers: {
          ...good.headers,
          'webhook-signature': good.headers['webhook-signature'].replace('v1', 'v2'),
        },
      },
      false,
    ],
  ]
  return rows
}

const events = [
  { type: 'user.created', timestamp: '2026-01-02T00:00:01.000Z', data: { id: 'b', name: 'B' } },
  { type: 'user.updated', timestamp: '2026-01-02T00:00:03.000Z', data: { id: 'b', name: 'C' } },
  { type: 'user.updated', timestamp: '2026-01-02T00:00:02.000Z', data: { id: 'b', name: 'late' } },
  { type: 'user.created', timestamp: '2026-01-02T00:00:01.000Z', data: { id: 'd', name: 'D' } },
  { type: 'user.deleted', timestamp: '2026-01-02T00:00:04.000Z', data: { id: 'd' } },
  { type: 'user.created', timestamp: '2026-01-02T00:00:01.000Z', data: { id: 'd', name: 'D' } },
]

t.test('the receiver in Node.js', async (t) => {
  process.env.WEBHOOK_SECRET = webhookSecret
  t.teardown(() => {
    delete process.env.WEBHOOK_SECRET
  })
  const file = join(t.testdir(), 'receiver.mjs')
  const module = resolve('node_modules/standardwebhooks/dist/index.js')
  writeFileSync(file, example('receiver.mjs').replace("'standardwebhooks'", `'${module}'`))
  const { server, take, accounts } = (await import(file)) as {
    server: Server
    take: (event: object) => void
    accounts: Map<string, { account: { name: string } | null }>
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const rows = messages()
  t.strictSame(
    await byRow(rows, async ({ body, headers }) => {
      return (await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body, headers })).ok
    }),
    Object.fromEntries(rows.map(([name, , isGood]) => [name, isGood])),
  )
  t.equal(accounts.get('a')?.account?.name, 'Zoë')
  for (const event of events) take(event)
  t.equal(accounts.get('b')?.account?.name, 'C')
  t.equal(accounts.get('d')?.account, null)
})

t.test('the receiver in Python', async (t: Test) => {
  const folder = t.testdir()
  writeFileSync(join(folder, 'receiver.py'), example('receiver.py'))
  const code = `import json, receiver, sys
data = json.load(sys.stdin)
def good(message):
  try: return bool(receiver.verify(message["body"].encode(), message["headers"]))
  except ValueError: return False
for event in data["events"]: receiver.take(event)
print(json.dumps([[good(m) for m in data["messages"]], receiver.accounts]))`
  const rows = messages()
  const running = promisify(execFile)('python3', ['-c', code], {
    cwd: folder,
    env: { ...process.env, WEBHOOK_SECRET: webhookSecret, PYTHONPATH: folder },
  })
  running.child.stdin?.end(JSON.stringify({ events, messages: rows.map(([, message]) => message) }))
  const [results, accounts] = JSON.parse((await running).stdout) as [boolean[], object]
  t.strictSame(
    Object.fromEntries(rows.map(([name], index) => [name, results[index]])),
    Object.fromEntries(rows.map(([name, , isGood]) => [name, isGood])),
  )
  t.strictSame(accounts, {
    b: ['2026-01-02T00:00:03.000Z', { id: 'b', name: 'C' }],
    d: ['2026-01-02T00:00:04.000Z', null],
  })
})
