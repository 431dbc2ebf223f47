import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSocketServer, type AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { deliver } from '../../src/webhooks/deliver.js'
import { webhookSecret } from '../support/receiver.js'
import { freePort } from '../support/cluster.js'
import { holdsSoon } from '../support/redis.js'

const message = { id: 'msg_1', body: '{"a":1}' }

async function send(url: string, timeoutMilliseconds = 5000, signal?: AbortSignal) {
  return await deliver(url, message, {
    secrets: [webhookSecret],
    now: 1_700_000_000_999,
    timeoutMilliseconds,
    signal: signal ?? new AbortController().signal,
  })
}

async function serve(t: Test, respond: (request: IncomingMessage, reply: ServerResponse) => void) {
  const server = createServer(respond).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/hooks?key=s3cret`, port }
}

t.test('user and password of the URL go into a header', async (t) => {
  const seen: Array<IncomingMessage['headers']> = []
  const { port, url } = await serve(t, (request, reply) => {
    t.equal(request.url, '/hooks?key=s3cret')
    seen.push(request.headers)
    reply.end()
  })
  const withUser = `http://us%C3%A9r:p%3Aw%40@127.0.0.1:${port}/hooks?key=s3cret`
  t.strictSame(await send(withUser), { kind: 'delivered', detail: 'status 200' })
  t.strictSame(await send(url), { kind: 'delivered', detail: 'status 200' })
  const basic = `Basic ${Buffer.from('usér:p:w@').toString('base64')}`
  t.strictSame(
    seen.map(({ authorization }) => authorization),
    [basic, undefined],
  )
  t.match(seen[0], { 'webhook-id': 'msg_1', 'webhook-timestamp': '1700000000' })
})

t.test('a connection is used again after a short reply', async (t) => {
  const ports = new Set<number | undefined>()
  const { url } = await serve(t, (request, reply) => {
    ports.add(request.socket.remotePort)
    reply.end('x'.repeat(1000))
  })
  for (let index = 0; index < 5; index++) await send(url)
  t.ok(ports.size < 5, `${ports.size} connections`)
})

t.test('the status counts, and a body without an end is cut', async (t) => {
  let [written, isClosed] = [0, false]
  const { url } = await serve(t, (request, reply) => {
    reply.writeHead(request.headers['webhook-id'] === 'msg_1' ? 200 : 500)
    reply.once('close', () => {
      isClosed = true
    })
    const more = () => {
      written++
      if (reply.write('x'.repeat(65_536))) setImmediate(more)
      else reply.once('drain', more)
    }
    more()
  })
  t.strictSame(await send(url), { kind: 'delivered', detail: 'status 200' })
  t.ok(await holdsSoon(() => isClosed), 'the connection ends')
  t.ok(written < 1000, 'what was not read stays with the receiver')
})

t.test('a receiver that does not respond, or whose reply does not begin, times out', async (t) => {
  const silent = await serve(t, () => {})
  t.strictSame(await send(silent.url, 50), { kind: 'timeout', detail: 'timeout' })
  // Informational responses and header lines, one after the other.
  for (const text of ['HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 200 OK\r\nx: y']) {
    const server = createSocketServer((socket) => {
      socket.on('error', () => {})
      socket.write(text)
      const timer = setInterval(() => socket.write(text.startsWith('HTTP/1.1 1') ? text : 'y'), 5)
      socket.once('close', () => {
        clearInterval(timer)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    t.match(await send(`http://127.0.0.1:${port}`, 200), { kind: /timeout|unreachable/ }, text)
  }
  const trickle = await serve(t, (_request, reply) => {
    reply.write('x')
    const timer = setInterval(() => reply.write('x'), 5)
    reply.once('close', () => {
      clearInterval(timer)
    })
  })
  t.strictSame(await send(trickle.url, 200), { kind: 'delivered', detail: 'status 200' })
})

t.test('a broken reply is a failure, and no error shows the URL', async (t) => {
  const broken = await serve(t, (request) => {
    request.socket.resetAndDestroy()
  })
  const garbage = createSocketServer((socket) => {
    socket.on('error', () => {})
    socket.end('SSH-2.0-OpenSSH_9.2\r\n')
  }).listen(0, '127.0.0.1')
  await once(garbage, 'listening')
  t.teardown(() => garbage.close())
  const { port } = garbage.address() as AddressInfo
  const urls = [
    broken.url,
    `http://127.0.0.1:${port}/?key=s3cret`,
    `http://127.0.0.1:${await freePort()}/?key=s3cret`,
    `https://127.0.0.1:${port}/?key=s3cret`,
    'http://a-host.invalid/?key=s3cret',
    'http://127.0.0.1:6000/?key=s3cret',
  ]
  const details: string[] = []
  for (const url of urls) {
    const outcome = await send(url)
    t.match(outcome, { kind: 'unreachable' }, JSON.stringify(outcome))
    t.notMatch(outcome.detail, /s3cret|127/)
    details.push(outcome.detail)
  }
  t.equal(details.at(-1), 'port not allowed')
})

t.test('410 is its own result, and another status a refusal', async (t) => {
  for (const [status, kind] of [
    [200, 'delivered'],
    [299, 'delivered'],
    [304, 'refused'],
    [400, 'refused'],
    [401, 'refused'],
    [410, 'gone'],
    [429, 'refused'],
    [503, 'refused'],
  ] as const) {
    const { url } = await serve(t, (_request, reply) => {
      reply.writeHead(status).end()
    })
    t.strictSame(await send(url), { kind, detail: `status ${status}` })
  }
})

t.test('a status that fetch refuses counts as no response', async (t) => {
  const { url } = await serve(t, (_request, reply) => {
    reply.writeHead(407).end()
  })
  t.strictSame(await send(url), { kind: 'unreachable', detail: 'no response' })
})

t.test('a delivery can be stopped', async (t) => {
  const { url } = await serve(t, () => {})
  const stopping = new AbortController()
  const outcome = send(url, 5000, stopping.signal)
  await wait(20)
  stopping.abort()
  t.strictSame(await outcome, { kind: 'stopped', detail: 'stopped' })
})
