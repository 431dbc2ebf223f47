import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { freshDatabase, goodPassword } from './helper.js'
import { freePort } from './support/cluster.js'
import { post, runMain, startServer } from './support/process.js'

const ada = { email: 'ada@example.org', password: goodPassword }

/**
 * Sends a request up to the middle of its body, and gives the function that sends the rest and
 * answers what came back.
 */
async function halfSend(url: string, body: object) {
  const { hostname, port, pathname } = new URL(url)
  const text = JSON.stringify(body)
  const socket = connect(Number(port), hostname === 'localhost' ? '127.0.0.1' : hostname)
  let reply = ''
  socket.on('data', (chunk) => {
    reply += String(chunk)
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, 5)}`,
  )
  return async () => {
    const closed = once(socket, 'close')
    socket.write(text.slice(5))
    await closed
    return reply
  }
}

t.test(
  'serves, finishes what runs on SIGTERM, and goes on with the same data and keys',
  async (t) => {
    const folder = t.testdir()
    writeFileSync(join(folder, '.env'), 'LOG_LEVEL=info\nACCESS_TOKEN_SECONDS=900\n')
    const port = String(await freePort())
    const first = await startServer(t, folder, { PORT: port })
    t.equal(
      first.lines().at(-1)?.msg,
      `Latchkey serves ${first.url}, docs at ${first.url}/docs, database SQLite file:./data/latchkey.db`,
      'the last line of the start',
    )
    const reply = await post(`${first.url}/signup`, ada)
    const { access_token: token, expires_in: expiresIn } = (await reply.json()) as {
      access_token: string
      expires_in: number
    }
    t.strictSame([reply.status, expiresIn], [201, 900], 'settings come from .env')
    t.equal(statSync(join(folder, 'data/keys.json')).mode & 0o777, 0o600)

    const finish = await halfSend(`${first.url}/login`, ada)
    await wait(100)
    const stopped = first.stop('SIGTERM')
    while (!first.lines().some(({ msg }) => msg === 'SIGTERM: finishing running requests'))
      await wait(20)
    t.match(
      await finish(),
      /^HTTP\/1.1 200 OK\r\n[^]*access_token/,
      'the running request gets its answer',
    )
    t.equal(await stopped, 0)

    const second = await startServer(t, folder, { PORT: port })
    const me = await fetch(`${second.url}/me`, { headers: { authorization: `Bearer ${token}` } })
    t.match(await me.json(), { email: ada.email })
    t.equal(await second.stop('SIGINT'), 0)
    t.notMatch(
      JSON.stringify([...first.lines(), ...second.lines()]),
      /ada@|brass|eyJ/,
      'no secret in the log',
    )
  },
)

t.test('a second signal quits at once', async (t) => {
  const server = await startServer(t, t.testdir())
  await halfSend(`${server.url}/login`, ada)
  await wait(100)
  const stopped = server.stop('SIGTERM')
  while (!server.lines().some(({ msg }) => msg === 'SIGTERM: finishing running requests'))
    await wait(20)
  // A signal within half a second of the first is the same request to end.
  await wait(600)
  server.process.kill('SIGINT')
  t.equal(await stopped, 1)
})

t.test('what cannot work stops the start with one message', async (t) => {
  const folder = t.testdir({
    'weak.json': JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0LXNlY3JldA' }] }),
    'damaged.json': '{"keys": [',
  })
  const busy = await startServer(t, folder)
  const rows: Array<{
    what: string
    env: Record<string, string>
    args?: string[]
    says: RegExp
    not?: RegExp
  }> = [
    {
      what: 'settings',
      env: { PORT: '99999', PUBLIC_URL: 'hunter2', LOG_LEVEL: 'loud', ARGON2_MEMORY_KIB: 'x' },
      says: /PORT: [^]*PUBLIC_URL: [^]*ARGON2_MEMORY_KIB: [^]*LOG_LEVEL: /,
      not: /hunter2|99999|loud/,
    },
    {
      what: 'a weak key',
      env: { KEYS_FILE: 'weak.json' },
      says: /^Key 1 in weak.json is a shared secret/,
      not: /c2VjcmV0/,
    },
    {
      what: 'a damaged key file',
      env: { KEYS_FILE: 'damaged.json' },
      says: /^damaged.json is not JSON/,
    },
    { what: 'an inline key', env: { KEYS: '{"keys":[]}' }, says: /^KEYS has no keys/ },
    {
      what: 'a busy port',
      env: { PORT: new URL(busy.url).port },
      says: /^Cannot listen on HOST 127.0.0.1, PORT \d+ \(EADDRINUSE\)/,
    },
    {
      what: 'no database',
      env: { DATABASE_URL: `postgresql://user:hunter2@127.0.0.1:${await freePort()}/none` },
      says: /^The database of DATABASE_URL cannot be used: ECONNREFUSED 127.0.0.1:\d+\. Start the database, or correct host and port in DATABASE_URL\.\n$/,
      not: /hunter2/,
    },
    {
      what: 'a command that is not there',
      env: {},
      args: ['migrat'],
      says: /^Unknown command "migrat"/,
    },
    ...['migrate', 'openapi', 'health'].map((command) => ({
      what: `${command} with an argument`,
      env: {},
      args: [command, '--help'],
      says: new RegExp(`^"${command}" takes no arguments\\. Nothing was changed\\.\\n$`),
    })),
    {
      what: 'a migration without a name',
      env: {},
      args: ['migrate:new'],
      says: /^Name the migration in lower_snake_case: npm run migrate:new -- add_locale\n$/,
    },
    {
      what: 'a migration with two names',
      env: {},
      args: ['migrate:new', 'add', 'locale'],
      says: /^Name the migration in lower_snake_case/,
    },
  ]
  for (const { what, env, args, says, not } of rows) {
    const ended = await runMain(t, folder, {
      env: { PORT: String(await freePort()), ...env },
      ...(args && { args }),
    })
    t.equal(ended.code, 1, what)
    t.match(ended.stderr, says, what)
    t.notMatch(ended.stderr, /\n {4}at /, `${what}: no stack`)
    if (not !== undefined) t.notMatch(ended.stdout + ended.stderr, not, `${what}: no value`)
  }
  t.equal(
    readFileSync(join(folder, 'damaged.json'), 'utf8'),
    '{"keys": [',
    'a damaged file is left as it is',
  )
  t.equal(await busy.stop('SIGTERM'), 0)
})

t.test(
  'PostgreSQL: refuses to start until it is migrated by the command that it names',
  async (t) => {
    const folder = t.testdir()
    const env = {
      DATABASE_URL: (await freshDatabase(t, 'postgresql')).replace(
        'postgres@',
        'postgres:hunter2@',
      ),
    }
    const refused = await runMain(t, folder, { env })
    t.equal(refused.code, 1)
    t.match(refused.stderr, /0001_init.*npm run migrate/)
    const migrated = await runMain(t, folder, { env, args: ['migrate'] })
    t.equal(migrated.code, 0, migrated.stderr)
    t.match(migrated.stdout, /applied 0001_init/)
    t.match((await runMain(t, folder, { env, args: ['migrate'] })).stdout, /is up to date/)
    const server = await startServer(t, folder, env)
    t.match(
      server.lines().at(-1)?.msg,
      /database PostgreSQL postgresql:\/\/127\.0\.0\.1:\d+\/test_/,
    )
    t.equal((await post(`${server.url}/signup`, ada)).status, 201)
    t.equal(await server.stop('SIGTERM'), 0)
    t.notMatch(
      JSON.stringify([refused, migrated, ...server.lines()]),
      /hunter2/,
      'the password is nowhere',
    )
    t.notOk(existsSync(join(folder, 'data/latchkey.db')))
  },
)
