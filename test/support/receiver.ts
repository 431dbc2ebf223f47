import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { Webhook } from 'standardwebhooks'

/** The secret of the tests: 32 bytes. */
export const webhookSecret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`

/** A message as a receiver gets it, with a valid signature. */
export interface Received {
  id: string
  seconds: number
  headers: IncomingMessage['headers']
  type: string
  timestamp: string
  data: { id: string; name?: string | null; email?: string } & Record<string, unknown>
}

type Respond = number | ((reply: ServerResponse, request: IncomingMessage) => void)

/** A receiver of webhooks. */
export interface TestReceiver {
  url: string
  /** Every message, also a refused one. */
  received: Received[]
  /** The statuses of the next messages, then `respond`. */
  queue: Respond[]
  respond: Respond
  /** Ends it as a crash does. */
  kill: () => Promise<void>
  /** Starts it again at the same address. */
  start: () => Promise<void>
}

/** A copy of the accounts that the documented rules build from events in any order. */
export function mirrorOf(received: Received[]): Map<string, object> {
  const known = new Map<string, { timestamp: string; account: object | null }>()
  for (const { type, timestamp, data } of received)
    if ((known.get(data.id)?.timestamp ?? '') < timestamp)
      known.set(data.id, { timestamp, account: type === 'user.deleted' ? null : data })
  return new Map(
    [...known].flatMap(([id, { account }]) => (account === null ? [] : [[id, account]])),
  )
}

/** Starts a receiver that checks each signature with the library of the standard. */
export async function startReceiver(t: Test, secret = webhookSecret): Promise<TestReceiver> {
  const webhook = new Webhook(secret)
  const server = createServer((request, reply) => {
    void text(request).then((body) => {
      const {
        'webhook-id': id,
        'webhook-timestamp': at,
        'webhook-signature': signature,
      } = request.headers as Record<string, string>
      const seconds = Number(at)
      // The clock of a test may be far away, so `verify` would refuse its time.
      if (webhook.sign(String(id), new Date(seconds * 1000), body) !== signature)
        throw new Error('a wrong signature')
      const event = JSON.parse(body) as Pick<Received, 'type' | 'timestamp' | 'data'>
      receiver.received.push({ id: String(id), seconds, headers: request.headers, ...event })
      const how = receiver.queue.shift() ?? receiver.respond
      if (typeof how === 'number') reply.writeHead(how).end('{}')
      else how(reply, request)
    })
  })
  let port = 0
  const start = async () => {
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve)
    })
    ;({ port } = server.address() as AddressInfo)
  }
  const kill = async () => {
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }
  await start()
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const receiver: TestReceiver = {
    url: `http://127.0.0.1:${port}/hooks`,
    received: [],
    queue: [],
    respond: 204,
    kill,
    start,
  }
  return receiver
}
