import { once } from 'node:events'
import t, { type Test } from 'tap'
import { serverTimeouts } from '../../src/http/connections.js'
import { securityHeaders } from '../../src/http/headers.js'
import type { Store } from '../../src/store/open-store.js'
import { buildTestApp, goodPassword } from '../helper.js'
import { exchange, listen, open, parseAnswers, type RawAnswer } from '../support/raw-socket.js'

const body = JSON.stringify({ email: 'ada@example.org', password: goodPassword })
const hurry = {
  requestTimeout: 300,
  headersTimeout: 200,
  connectionsCheckingInterval: 50,
  connectionTimeout: 30_000,
  keepAliveTimeout: 100,
  arrivalTimeout: 50,
}
const host = 'host: localhost\r\n'
const post = (headers: string, text = body) =>
  `POST /login HTTP/1.1\r\n${host}content-type: application/json\r\n${headers}\r\n${text}`

/** What must be true of an answer that Node's parser gave. */
function refused(t: Test, [answer, ...more]: RawAnswer[], status: number, code: string): void {
  t.equal(answer?.status, status)
  t.strictSame(more, [], 'one answer, then the end of the connection')
  t.match(answer?.headers, {
    ...securityHeaders,
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store',
    connection: 'close',
    server: undefined,
  })
  const problem = JSON.parse(answer?.body ?? '')
  t.strictSame(Object.keys(problem), ['type', 'title', 'status', 'code', 'detail', 'request_id'])
  t.match(problem, {
    type: `http://localhost:3000/problems/${code}`,
    status,
    code,
    request_id: answer?.headers['x-request-id'],
  })
}

await t.test('what is no HTTP', async (t) => {
  const { app, logText } = await buildTestApp(t)
  const port = await listen(app)
  const table: Array<[what: string, text: string, status?: number, code?: string]> = [
    ['garbage', 'canary garbage\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['another version', `GET / HTTP/9.9\r\n${host}\r\n`],
    ['an unknown method', `CANARY / HTTP/1.1\r\n${host}\r\n`],
    [
      'length and chunks',
      post('content-length: 6\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\nG'),
    ],
    ['two lengths', post('content-length: 5\r\ncontent-length: 6\r\n')],
    ['a length that is no number', post('content-length: 1e3\r\n')],
    ['a negative length', post('content-length: -1\r\n')],
    ['chunks that are not the last coding', post('transfer-encoding: chunked, gzip\r\n', '')],
    ['a space before the colon', `GET / HTTP/1.1\r\n${host}x-canary : 1\r\n\r\n`],
    ['a folded header', `GET / HTTP/1.1\r\n${host}x-a: 1\r\n  canary\r\n\r\n`],
    ['a header without a name', `GET / HTTP/1.1\r\n${host}: canary\r\n\r\n`],
    ['NUL in a header', `GET / HTTP/1.1\r\n${host}x-a: \0\r\n\r\n`],
    ['a bare line feed', `GET / HTTP/1.1\n${host}\n\n\0`],
    ['a broken chunk', post('transfer-encoding: chunked\r\n', 'canary\r\n')],
    [
      'headers over 16 KiB',
      `GET / HTTP/1.1\r\n${host}x-a: ${'x'.repeat(17_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'a URL over 16 KiB',
      `GET /${'x'.repeat(17_000)} HTTP/1.1\r\n${host}\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'chunk extensions over 16 KiB',
      post('transfer-encoding: chunked\r\n', `2;${'x'.repeat(17_000)}\r\n{}\r\n0\r\n\r\n`),
      413,
      'payload_too_large',
    ],
  ]
  for (const [what, text, status = 400, code = 'invalid_request'] of table) {
    await t.test(what, async (t) => {
      refused(t, await exchange(port, text), status, code)
    })
  }
  for (const [what, start, headers, status] of [
    ['no Host', 'GET /health/live HTTP/1.1', '', 400],
    ['no Host for a path that is not there', 'GET /nope HTTP/1.1', '', 400],
    ['two Hosts', 'GET /health/live HTTP/1.1', 'host: a\r\nHost: a\r\n', 400],
    ['no Host in HTTP/1.0', 'GET /health/live HTTP/1.0', '', 200],
    ['an Expect that is unknown', 'GET /health/live HTTP/1.1', `${host}expect: canary\r\n`, 200],
    ['an absolute URL', 'PUT http://canary.example/me HTTP/1.1', host, 405],
    [
      'names that objects have',
      'GET /health/live HTTP/1.1',
      `${host}__proto__: x\r\nconstructor: x\r\n`,
      200,
    ],
  ] as const) {
    await t.test(what, async (t) => {
      const [answer] = await exchange(port, `${start}\r\n${headers}connection: close\r\n\r\n`)
      t.equal(answer?.status, status)
      t.match(answer?.headers, securityHeaders)
      if (status === 400)
        t.match(JSON.parse(answer?.body ?? ''), {
          code: 'invalid_request',
          errors: [{ pointer: 'host' }],
        })
    })
  }
  const [alive] = await exchange(
    port,
    `GET /health/live HTTP/1.1\r\n${host}connection: close\r\n\r\n`,
  )
  t.equal(alive?.status, 200, 'the server lives')
  t.notMatch(logText(), /canary|"level":50/i)
})

await t.test('a request that stops half-way is answered and closed', async (t) => {
  const { app } = await buildTestApp(t, { timeouts: hurry })
  const port = await listen(app)
  const halves = [
    post(`content-length: ${body.length}\r\n`, body.slice(0, 10)),
    post('transfer-encoding: chunked\r\n', '5\r\n{"ema'),
    post(`content-length: ${body.length}\r\n`, ''),
    `POST /login HTTP/1.1\r\n${host}content-ty`,
    'GE',
  ]
  for (const half of halves)
    await t.test(JSON.stringify(half.slice(-12)), async (t) => {
      refused(t, await exchange(port, half), 408, 'request_timeout')
    })
  await t.test('an idle connection is closed without a word', async (t) => {
    const [answer, ...more] = await exchange(port, `GET /health/live HTTP/1.1\r\n${host}\r\n`)
    t.equal(answer?.status, 200)
    t.strictSame(more, [])
  })
})

await t.test('the bounds of the product', async (t) => {
  const { app } = await buildTestApp(t)
  const { requestTimeout, headersTimeout, connectionsCheckingInterval, connectionTimeout } =
    serverTimeouts
  t.ok(
    requestTimeout + connectionsCheckingInterval <= 15_000,
    'a half-sent body is closed within 15 s',
  )
  t.ok(headersTimeout <= requestTimeout)
  t.ok(
    connectionTimeout > requestTimeout + connectionsCheckingInterval,
    'what stops half-way is answered before its connection is closed',
  )
  t.match(
    app.server,
    { requestTimeout, headersTimeout, keepAliveTimeout: 72_000 },
    'are those of the server',
  )
  t.equal(app.server.timeout, connectionTimeout)
})

await t.test('an idle connection stays open for KEEP_ALIVE_SECONDS', async (t) => {
  const { app } = await buildTestApp(t, { env: { KEEP_ALIVE_SECONDS: '1' } })
  const { socket, received } = await open(await listen(app))
  const request = `GET /health/live HTTP/1.1\r\n${host}\r\n`
  socket.write(request)
  await once(socket, 'data')
  const begin = performance.now()
  await new Promise((resolve) => setTimeout(resolve, 500))
  socket.write(request)
  await once(socket, 'data')
  const answers = parseAnswers(await received)
  const seconds = (performance.now() - begin) / 1000
  t.strictSame(
    answers.map(({ status, headers }) => [status, headers['keep-alive']]),
    [200, 200].map((status) => [status, 'timeout=1']),
  )
  t.ok(seconds >= 1.4 && seconds < 10, `closed after ${seconds} s, not earlier and not never`)

  const { app: shipped } = await buildTestApp(t, { env: { KEEP_ALIVE_SECONDS: '620' } })
  t.equal(shipped.server.keepAliveTimeout, 620_000)
})

await t.test('pipelined requests are answered in order', async (t) => {
  const { app } = await buildTestApp(t)
  const port = await listen(app)
  const answers = await exchange(
    port,
    [
      `GET /health/ready HTTP/1.1\r\n${host}\r\n`,
      post('content-length: 2\r\n', '{}'),
      `GET /nope HTTP/1.1\r\n${host}\r\n`,
      `GET /me HTTP/1.1\r\n${host}connection: close\r\n\r\n`,
    ].join(''),
  )
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 400, 404, 401],
  )
})

/** An application whose logins stop at the store until they are let go. */
async function slow(t: Test) {
  const events: string[] = []
  let letGo = () => {}
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let arrive = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  const wrapStore = (store: Store): Store => ({
    ...store,
    accounts: {
      ...store.accounts,
      findByEmail: async (email) => {
        arrive()
        await gate
        events.push('asked')
        return await store.accounts.findByEmail(email)
      },
    },
    close: async () => {
      events.push('closed')
      await store.close()
    },
  })
  const built = await buildTestApp(t, { wrapStore })
  return { ...built, events, letGo, arrived, port: await listen(built.app) }
}

await t.test('a client that goes away in the middle', async (t) => {
  const { arrived, letGo, port, logText, app } = await slow(t)
  const { socket, received } = await open(port)
  socket.write(post(`content-length: ${body.length}\r\n`))
  await arrived
  const gone = once(app.server, 'connection').catch(() => {})
  socket.resetAndDestroy()
  t.equal(await received, '')
  letGo()
  const half = await open(port)
  half.socket.end(post('content-length: 500\r\n', body.slice(0, 30)))
  await half.received
  await gone
  const [alive] = await exchange(port, `GET /claims HTTP/1.1\r\n${host}connection: close\r\n\r\n`)
  t.equal(alive?.status, 401)
  t.notMatch(logText(), /ada@|brass|"level":50/)
})

await t.test('closing lets running requests finish, then closes the store', async (t) => {
  const { arrived, letGo, port, events, app } = await slow(t)
  const idle = await open(port)
  idle.socket.write(`GET /health/live HTTP/1.1\r\n${host}\r\n`)
  await once(idle.socket, 'data')
  const { socket, received } = await open(port)
  socket.write(post(`content-length: ${body.length}\r\n`))
  await arrived
  const closed = app.close()
  t.match(
    parseAnswers(await idle.received),
    [{ status: 200 }],
    'an idle connection is closed at once',
  )
  t.strictSame(events, [])
  letGo()
  t.match(parseAnswers(await received), [{ status: 401, headers: { connection: 'close' } }])
  await closed
  t.strictSame(events, ['asked', 'closed'])
})
