import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import { pipelineLimit, serverTimeouts } from '../../src/http/connections.js'
import type { Store } from '../../src/store/open-store.js'
import { buildTestApp, goodPassword } from '../helper.js'
import { listen, open, parseAnswers } from '../support/raw-socket.js'

// Only what is under test is in a hurry: nothing else can end these connections.
const long = 300_000
const patient = {
  ...serverTimeouts,
  requestTimeout: long,
  headersTimeout: long,
  connectionTimeout: long,
  keepAliveTimeout: long,
}
const host = 'host: localhost\r\n'
const live = `GET /health/live HTTP/1.1\r\n${host}\r\n`
const body = JSON.stringify({ email: 'ada@example.org', password: goodPassword })
const login = (text: string) =>
  `POST /login HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${text}`

await t.test(
  'closing does not wait for requests that do not arrive, but for those that are being answered',
  async (t) => {
    let [letGo, arrive] = [() => {}, () => {}]
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
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
          return await store.accounts.findByEmail(email)
        },
      },
    })
    const { app } = await buildTestApp(t, {
      wrapStore,
      timeouts: { ...patient, arrivalTimeout: 50 },
    })
    const port = await listen(app)
    const running = await open(port)
    running.socket.write(login(body))
    await arrived
    const stragglers = await Promise.all(
      ['', 'GE', live.slice(0, -2), login(''), login(body.slice(0, 9)), `${live}GE`].map(
        async (text) => {
          const opened = await open(port)
          if (text.startsWith(live))
            opened.socket.write(live, () => {
              opened.socket.write(text.slice(live.length))
            })
          else if (text !== '') opened.socket.write(text)
          if (text.startsWith(live)) await once(opened.socket, 'data')
          return opened
        },
      ),
    )
    const closed = app.close()
    const received = await Promise.all(stragglers.map(async ({ received }) => await received))
    t.strictSame(
      received.map((text) => parseAnswers(text).map(({ status }) => status)),
      [[], [], [], [], [], [200]],
    )
    letGo()
    t.match(parseAnswers(await running.received), [
      { status: 401, headers: { connection: 'close' } },
    ])
    await closed
  },
)

await t.test(
  'closing waits for an answer, though half of another request has come behind it',
  async (t) => {
    let letGo = () => {}
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const wrapStore = (store: Store): Store => ({
      ...store,
      accounts: {
        ...store.accounts,
        findByEmail: async (email) => {
          await gate
          return await store.accounts.findByEmail(email)
        },
      },
    })
    const { app } = await buildTestApp(t, {
      wrapStore,
      timeouts: { ...patient, arrivalTimeout: 20 },
    })
    const port = await listen(app)
    const [{ socket, received }, silent] = [await open(port), await open(port)]
    let requests = 0
    const both = new Promise<void>((resolve) => {
      app.server.on('request', () => {
        if (++requests === 2) resolve()
      })
    })
    socket.write(login(body) + login(body.slice(0, 9)))
    await both
    const closed = app.close()
    await silent.received
    letGo()
    t.match(parseAnswers(await received), [{ status: 401 }])
    await closed
  },
)

await t.test('closing lets what is under way arrive', async (t) => {
  const { app } = await buildTestApp(t, { timeouts: { ...patient, arrivalTimeout: long } })
  const { socket, received } = await open(await listen(app))
  socket.write(login(body.slice(0, 9)))
  await once(app.server, 'request')
  const closed = app.close()
  socket.write(body.slice(9))
  t.match(parseAnswers(await received), [{ status: 401, headers: { connection: 'close' } }])
  await closed
})

await t.test('whoever does not read the answers is let go', async (t) => {
  const { app } = await buildTestApp(t, { timeouts: { ...patient, connectionTimeout: 300 } })
  const { socket } = await open(await listen(app))
  socket.pause()
  let isClosed = false
  // Until the buffers of the machine are full.
  while (!isClosed) {
    const ended = new Promise<boolean>((resolve) => {
      app.server.once('request', (request: IncomingMessage, reply: ServerResponse) => {
        reply.once('finish', () => {
          resolve(request.socket.destroyed)
        })
        request.socket.once('close', () => {
          resolve(true)
        })
      })
    })
    socket.write(`GET /openapi.json HTTP/1.1\r\n${host}\r\n`)
    isClosed = await ended
  }
  t.pass('by the server')
  socket.destroy()
})

await t.test(
  'whoever sends many requests at once and waits for no answer is let go before they are worked on',
  async (t) => {
    const asked: number[] = []
    const wrapStore = (store: Store): Store => ({
      ...store,
      ping: async () => {
        asked.push(1)
        await store.ping()
      },
    })
    const { app } = await buildTestApp(t, { wrapStore })
    const port = await listen(app)
    const ready = `GET /health/ready HTTP/1.1\r\n${host}\r\n`
    const many = await open(port)
    many.socket.write(ready.repeat(pipelineLimit + 200))
    t.equal(await many.received, '')
    t.ok(asked.length > 0 && asked.length <= pipelineLimit, `${asked.length} were worked on`)
    // Nor does the one answer that no hook sees.
    const malformed = await open(port)
    malformed.socket.write(`GET /%zz HTTP/1.1\r\n${host}\r\n`.repeat(300))
    t.match(parseAnswers(await malformed.received), [
      { status: 400, headers: { connection: 'close' } },
    ])
    const few = await open(port)
    few.socket.write(
      ready.repeat(pipelineLimit - 1) + ready.replace('host', 'connection: close\r\nhost'),
    )
    t.equal(parseAnswers(await few.received).length, pipelineLimit)
    // Also one after the other, on one connection.
    const patient = await open(port)
    for (let turn = 0; turn < pipelineLimit + 5; turn++) {
      patient.socket.write(ready)
      await once(patient.socket, 'data')
    }
    patient.socket.end()
    t.equal(parseAnswers(await patient.received).length, pipelineLimit + 5)
  },
)
