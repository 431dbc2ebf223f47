import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import t, { type Test } from 'tap'
import { goodPassword } from '../helper.js'
import { freePort } from '../support/cluster.js'
import { startServer } from '../support/process.js'

const ada = { email: 'ada@example.org', password: goodPassword }
const post = async (url: string, body: object) =>
  await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

/** A mail server that takes connections and says nothing. */
async function startSilent(t: Test): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
  })
  return `smtp://127.0.0.1:${(server.address() as { port: number }).port}`
}

t.test('without SMTP_URL the mail is a file, and the log names it', async (t) => {
  const folder = t.testdir()
  const server = await startServer(t, folder)
  await post(`${server.url}/signup`, ada)
  t.equal((await post(`${server.url}/password/forgot`, { email: ada.email })).status, 202)
  t.equal(await server.stop('SIGTERM'), 0, 'also when the server is told to end at once')
  const names = readdirSync(join(folder, 'data/outbox')).sort()
  const told = server.lines().filter(({ msg }) => String(msg).includes('no SMTP_URL'))
  t.strictSame(
    told.map(({ level, path }) => [level, path]).sort(),
    names.map((name) => [30, join('data/outbox', name)]),
  )
  const mails = await Promise.all(
    names.map(
      async (name) =>
        (await simpleParser(readFileSync(join(folder, 'data/outbox', name)))).text ?? '',
    ),
  )
  t.strictSame(mails.map((text) => text.includes('/email/verify#token=')).sort(), [false, true])
  const [, token] =
    new RegExp(`${server.url}/password/reset#token=(\\S+)`).exec(mails.join('\n')) ?? []
  const again = await startServer(t, folder, { PORT: new URL(server.url).port })
  t.equal(
    (await post(`${again.url}/password/reset`, { token, new_password: `${goodPassword}-2` }))
      .status,
    204,
    'the link outlives the server',
  )
  t.equal(await again.stop('SIGTERM'), 0)
  t.notMatch(JSON.stringify([...server.lines(), ...again.lines()]), /ada@|eyJ|brass/)
})

t.test(
  'a mail server that is away or silent is felt by nobody, and what is lost is said',
  async (t) => {
    for (const url of [`smtp://127.0.0.1:${await freePort()}`, await startSilent(t)]) {
      const server = await startServer(t, t.testdir(), { SMTP_URL: url, RATE_LIMITS: 'off' })
      await post(`${server.url}/signup`, ada)
      const begin = performance.now()
      const replies = await Promise.all(
        Array.from(
          { length: 20 },
          async () => (await post(`${server.url}/password/forgot`, { email: ada.email })).status,
        ),
      )
      t.strictSame([...new Set(replies)], [202])
      t.ok(performance.now() - begin < 5000, 'at once')
      await wait(300)
      t.equal((await post(`${server.url}/login`, ada)).status, 200)
      t.equal(await server.stop('SIGTERM'), 0)
      t.match(
        server.lines().find(({ msg }) => String(msg).startsWith('mails lost')),
        { level: 50, lost: 6 },
      )
      t.equal(
        server
          .lines()
          .filter(
            ({ msg }) =>
              msg === 'mail lost: too many mails of this kind to this address are waiting',
          ).length,
        15,
      )
      t.notMatch(JSON.stringify(server.lines()), /ada@|eyJ|brass/)
    }
  },
)
