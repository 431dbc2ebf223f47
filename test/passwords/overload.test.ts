import { once } from 'node:events'
import { Socket } from 'node:net'
import { setImmediate as settle } from 'node:timers/promises'
import argon2 from 'argon2'
import t, { type Test } from 'tap'
import type { App } from '../../src/http/fastify.js'
import { createHashGate } from '../../src/passwords/gate.js'
import type { Store } from '../../src/store/open-store.js'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  onEachDatabase,
  problem,
} from '../helper.js'
import { listen, open } from '../support/raw-socket.js'

const email = 'ada@example.org'

/**
 * An application with one permit and a queue of a minute, whose gate believes that a hash takes
 * 20 seconds, and a note of what the store is asked.
 */
async function busyApp(t: Test, options: Parameters<typeof buildTestApp>[1] = {}) {
  const time = { now: 0 }
  const gate = createHashGate({ concurrency: 1, queueMilliseconds: 60_000, now: () => time.now })
  const asked: string[] = []
  const wrapStore = (store: Store): Store => {
    const accounts = Object.fromEntries(
      Object.entries(store.accounts).map(([name, method]) => [
        name,
        async (...args: never[]) => {
          asked.push(name)
          return await (method as (...args: never[]) => unknown)(...args)
        },
      ]),
    )
    return { ...store, accounts: accounts as unknown as Store['accounts'] }
  }
  const built = await buildTestApp(t, { ...options, env: { RATE_LIMITS: 'off' }, gate, wrapStore })
  const person = await built.signup({ email })
  for (let round = 0; round < 60; round++)
    await gate.enter(null, async (turn) => {
      await turn(async () => {
        time.now += 20_000
      })
    })
  asked.length = 0
  let letGo = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  /** Takes the permit until it is let go. */
  const hold = () => {
    gate
      .enter(null, async (turn) => {
        await turn(async () => {
          await held
        })
      })
      .catch(t.bailout)
  }
  const until = async (what: () => boolean) => {
    while (!what()) await settle()
  }
  const login = async (address: string, password = goodPassword) =>
    await built.call('POST', '/login', { body: { email: address, password } })
  return { ...built, person, gate, asked, hold, letGo, until, login }
}

await onEachDatabase(t, async (t, database) => {
  await t.test(
    'when the queue is full, every route that hashes refuses at once, before any account is looked up',
    async (t) => {
      const { app, call, person, gate, asked, hold, login, letGo, until, logText } = await busyApp(
        t,
        { database },
      )
      const spent = [
        t.capture(argon2, 'hash', argon2.hash),
        t.capture(argon2, 'verify', argon2.verify),
      ]
      hold()
      const waiting = [login(email), login('nobody@example.org'), login(email, 'wrong')]
      await until(() => gate.load().waiting === 3)
      asked.length = 0
      const token = person.access_token
      const table: Array<[method: 'POST' | 'DELETE', path: string, body: object, token?: string]> =
        [
          ['POST', '/login', { email, password: goodPassword }],
          ['POST', '/login', { email: 'nobody@example.org', password: goodPassword }],
          ['POST', '/signup', { email: 'new@example.org', password: goodPassword }],
          ['POST', '/signup', { email, password: 'weak' }],
          ['POST', '/password/reset', { token: 'x', new_password: goodPassword }],
          [
            'POST',
            '/password/change',
            { current_password: goodPassword, new_password: `${goodPassword}-2` },
            token,
          ],
          [
            'POST',
            '/email/change',
            { new_email: 'new@example.org', password: goodPassword },
            token,
          ],
          ['DELETE', '/me', { password: goodPassword }, token],
        ]
      const [first] = [await login(email)]
      for (const [method, path, body, token] of table) {
        const reply = await call(method, path, { body, ...(token !== undefined && { token }) })
        problem(t, reply, 503, 'overloaded')
        t.equal(reply.headers['retry-after'], '80', 'the four before it, 20 seconds each')
        t.strictSame(headerNames(reply), headerNames(first))
        const { responses } =
          (
            app.swagger().paths?.[path] as Record<
              string,
              { responses: Record<string, { content: object }> }
            >
          )[method.toLowerCase()] ?? {}
        t.match(
          responses?.['503'],
          {
            content: { 'application/problem+json': { examples: { overloaded: {} } } },
            headers: { 'Retry-After': {} },
          },
          `the contract of ${path} says so`,
        )
      }
      // A public route does not even read the body; a protected one asks who it is first.
      for (const path of ['/login', '/signup', '/password/reset'])
        problem(t, await call('POST', path, { body: '{', headers: jsonType }), 503, 'overloaded')
      for (const [method, path] of [
        ['POST', '/password/change'],
        ['POST', '/email/change'],
        ['DELETE', '/me'],
      ] as const)
        problem(t, await call(method, path, { body: {} }), 401, 'missing_token')
      t.strictSame([asked, ...spent.map((calls) => calls())], [[], [], []])
      t.equal((await call('GET', '/claims', { token })).statusCode, 200, 'other routes go on')
      t.equal((await call('GET', '/me', { token })).statusCode, 200)
      letGo()
      t.strictSame(
        (await Promise.all(waiting)).map(({ statusCode }) => statusCode),
        [200, 401, 401],
        'those who wait are served',
      )
      t.equal(spent[1]?.().length, 3, 'a hash for each, account or none')
      t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 12 })
      t.equal((await login(email)).statusCode, 200, 'and then there is room again')
      t.notMatch(logText(), /"level":(40|50)/)
    },
  )
})

const request = (body: object, path = '/login', headers = '') => {
  const text = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${headers}content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}

await t.test('a client that hangs up frees its place, wherever it hashes', async (t) => {
  const { app, person, gate, hold, letGo, login, until, logText, asked } = await busyApp(t)
  const port = await listen(app)
  const hashes = t.capture(argon2, 'hash', argon2.hash)
  const comparisons = t.capture(argon2, 'verify', argon2.verify)
  hold()
  const bearer = `authorization: Bearer ${person.access_token}\r\n`
  const texts = [
    request({ email, password: goodPassword }),
    request({ email: 'nobody@example.org', password: goodPassword }),
    request({ email: 'new@example.org', password: goodPassword }, '/signup'),
    request(
      { current_password: goodPassword, new_password: `${goodPassword}-2` },
      '/password/change',
      bearer,
    ),
    request({ new_email: 'new@example.org', password: goodPassword }, '/email/change', bearer),
  ]
  for (const text of texts) {
    for (const how of ['resetAndDestroy', 'destroy', 'end'] as const) {
      const clients = await Promise.all([1, 2, 3].map(async () => await open(port)))
      for (const { socket } of clients) socket.write(text)
      await until(() => gate.load().waiting === 3)
      for (const { socket } of clients) socket[how]()
      await until(() => gate.load().waiting === 0)
      t.strictSame(await Promise.all(clients.map(async ({ received }) => await received)), [
        '',
        '',
        '',
      ])
    }
  }
  const client = await open(port)
  client.socket.write(request({ email, password: goodPassword }).repeat(3))
  await until(() => gate.load().waiting === 3)
  client.socket.resetAndDestroy()
  await until(() => gate.load().waiting === 0)
  t.strictSame(
    gate.load(),
    { inUse: 1, waiting: 0, shed: 0 },
    'also three on one connection, and nobody was refused',
  )
  letGo()
  t.equal((await login(email)).statusCode, 200)
  t.strictSame(
    [hashes().length, comparisons().length],
    [0, 1],
    'no hash was spent on those who left',
  )
  t.notOk(asked.includes('create'))
  t.notMatch(logText(), /"level":(40|50)/)
})

await t.test(
  'a hash that runs keeps its permit until it ends, though its client has gone',
  async (t) => {
    const { app, gate, until, logText, login } = await busyApp(t)
    const port = await listen(app)
    const verify = argon2.verify
    const comparing = { now: 0, most: 0, ends: [] as Array<() => void> }
    t.capture(argon2, 'verify', async (...args: Parameters<typeof verify>) => {
      comparing.most = Math.max(comparing.most, ++comparing.now)
      await new Promise<void>((resolve) => {
        comparing.ends.push(resolve)
      })
      comparing.now--
      return await verify(...args)
    })
    for (let round = 0; round < 30; round++) {
      const client = await open(port)
      client.socket.write(request({ email, password: goodPassword }))
      await until(() => comparing.now === 1)
      client.socket.resetAndDestroy()
      await client.received
      const next = login('nobody@example.org')
      await until(() => gate.load().waiting === 1)
      t.strictSame([gate.load(), comparing.now], [{ inUse: 1, waiting: 1, shed: 0 }, 1])
      for (const hashes of [1, 2]) {
        await until(() => comparing.ends.length === 1)
        t.equal(comparing.now, 1, `hash ${hashes}`)
        comparing.ends.pop()?.()
      }
      t.equal((await next).statusCode, 401)
    }
    t.equal(comparing.most, 1)
    t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
    t.notMatch(logText(), /"level":(40|50)/)
  },
)

await t.test('a client that has gone before its turn to ask is not served', async (t) => {
  let gone = 0
  const beforeReady = (app: App) => {
    app.addHook('preHandler', async ({ socket }) => {
      if (socket instanceof Socket)
        await once(socket, 'close').then(() => {
          gone++
        })
    })
  }
  const { app, gate, asked, until, logText } = await busyApp(t, { beforeReady })
  const { socket, received } = await open(await listen(app))
  socket.end(request({ email, password: goodPassword }))
  await received
  await until(() => gone === 1)
  await settle()
  t.strictSame([asked, gate.load()], [[], { inUse: 0, waiting: 0, shed: 0 }])
  t.notMatch(logText(), /"level":(40|50)/)
})

await t.test('a request that was answered says nothing of hanging up', async (t) => {
  const { app, gate } = await busyApp(t)
  const port = await listen(app)
  const { socket, received } = await open(port)
  for (const [password, status] of [
    [goodPassword, 200],
    ['wrong', 401],
    [goodPassword, 200],
  ] as const) {
    const answer = new Promise<string>((resolve) => {
      socket.once('data', resolve)
    })
    socket.write(request({ email, password }))
    t.match(await answer, new RegExp(`^HTTP/1.1 ${status} `), 'one connection, one after the other')
  }
  socket.end()
  await received
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
})
