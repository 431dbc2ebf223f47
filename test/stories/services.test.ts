import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { manageClients } from '../../src/cli/manage-clients.js'
import { loadConfig } from '../../src/config.js'
import { freshDatabase, goodPassword, onEachDatabase, query } from '../helper.js'
import { freePort } from '../support/cluster.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { decode } from '../support/forge.js'
import { basic, formType } from '../support/machines.js'
import { createCommands } from '../support/operator.js'
import { post, startServer } from '../support/process.js'
import { mirrorOf, startReceiver, webhookSecret } from '../support/receiver.js'
import { type PolledClaims, startNodePoller } from '../support/revocation-pollers.js'

type Tokens = Record<'access_token' | 'refresh_token', string> & { user: { id: string } }
interface Row {
  id: string
  name: string | null
  roles: string[]
  disabled: boolean
}

/** Waits until a condition holds, at most a minute. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what} did not come`)
    await wait(100)
  }
}

await onEachDatabase(t, async (t, kind) => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  /** The API: it verifies offline, and polls the list of ended tokens. It may start first. */
  const api = await startNodePoller(t, { issuer: url })
  const databaseUrl = await freshDatabase(t, kind)
  const receiver = await startReceiver(t)
  const env = {
    DATABASE_URL: databaseUrl,
    PORT: String(port),
    PUBLIC_URL: url,
    AUTO_MIGRATE: 'on',
    WEBHOOK_URLS: receiver.url,
    WEBHOOK_SECRET: webhookSecret,
    KEYS_FILE: `${t.testdirName}.keys.json`,
  }
  let server = await startServer(t, '.', env)

  /** What the operator does: commands, also while no server runs. */
  const users = createCommands(env)
  const clients = async (...args: string[]) => {
    const terminal = fakeTerminal()
    await manageClients(args, loadConfig(env), terminal)
    return (await terminal.output()).stdout
  }
  const operate = async (...args: string[]) => {
    const { stderr } = await users(args)
    if (/Error/.test(stderr)) throw new Error(stderr)
  }

  /** The job: a machine client that reads and writes accounts. */
  const created = await clients('create', 'job', '--scope', 'users:read', '--scope', 'users:write')
  const [id = '', secret = ''] = [...created.matchAll(/: (\S+)$/gm)].map(([, value]) => value ?? '')
  const granted = await fetch(`${url}/token`, {
    method: 'POST',
    headers: { ...formType, ...basic({ id, secret }) },
    body: 'grant_type=client_credentials',
  })
  const { access_token: jobToken } = (await granted.json()) as Tokens
  const job = async (path: string, init: { method?: string; body?: string } = {}) =>
    await fetch(`${url}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${jobToken}`,
        ...(init.body !== undefined && { 'content-type': 'application/json' }),
      },
    })
  /** The accounts as the job sees them. A login is no change. */
  const listed = async () => {
    const reply = await job('/admin/users?limit=200')
    t.equal(reply.status, 200)
    const { users: rows } = (await reply.json()) as { users: Row[] }
    return new Map(rows.map((row) => [row.id, { ...row, last_logadmittedat: null }]))
  }
  const mirrored = () =>
    new Map(
      [...mirrorOf(receiver.received)].map(([key, row]) => [
        key,
        { ...row, last_logadmittedat: null },
      ]),
    )
  const agree = async () => {
    const rows = await listed()
    const sorted = (map: Map<string, object>) => JSON.stringify([...map].sort())
    await until('the copy of the receiver', () => sorted(mirrored()) === sorted(rows))
    return rows
  }

  const isAccepted = async ({ access_token: token }: Tokens) => (await api.verify(token)) !== null

  await until(
    'the first list',
    async () => (await api.judge({ sub: id, iat: Date.now() / 1000 })) === 'current',
  )

  const people = new Map<string, Tokens>()
  const person = (name: string) => people.get(name) as Tokens
  const idOf = (name: string) => person(name).user.id
  const emailOf = (name: string) => `${name}@example.org`
  const refresh = async (name: string) =>
    await post(`${url}/refresh`, { refresh_token: person(name).refresh_token })
  for (const name of ['ada', 'bob', 'cid', 'dora', 'eve', 'finn']) {
    const reply = await post(`${url}/signup`, { email: emailOf(name), password: goodPassword })
    people.set(name, (await reply.json()) as Tokens)
    t.ok(await isAccepted(person(name)), `${name} is let in`)
  }
  t.equal((await agree()).size, 6, 'the receiver has a copy of all six')

  // The receiver gets the first change, and the server is killed before the reply.
  const { length } = receiver.received
  receiver.queue.push(() => {})
  await operate('grant', emailOf('ada'), 'editor')
  await operate('disable', emailOf('bob'))
  await until('the end of both tokens', async () => {
    return !(await isAccepted(person('ada'))) && !(await isAccepted(person('bob')))
  })
  await until('the first change', () => receiver.received.length === length + 1)
  await server.stop('SIGKILL')

  // While no server runs, the operator goes on, and so does the API.
  await operate('delete', emailOf('cid'), '--yes')
  await operate('grant', emailOf('dora'), 'author')
  await operate('grant', emailOf('dora'), 'editor')
  await operate('disable', emailOf('eve'))
  await operate('enable', emailOf('eve'))
  for (const name of ['ada', 'bob']) t.notOk(await isAccepted(person(name)), `${name} stays out`)
  for (const name of ['cid', 'finn']) t.ok(await isAccepted(person(name)), `${name}: no news yet`)

  // A killed server keeps its right to send for 30 s.
  await query(databaseUrl, 'UPDATE webhooks SET leased_until = NULL')
  server = await startServer(t, '.', env)
  t.equal((await fetch(`${url}/health/ready`)).status, 200)
  const renamed = await job(`/admin/users/${idOf('finn')}`, {
    method: 'PATCH',
    body: JSON.stringify({ name: 'Finn' }),
  })
  t.equal(renamed.status, 200, 'the token of the job outlives the server')
  await until('the changes of the pause', async () => {
    const gone = await Promise.all(['cid', 'dora', 'eve'].map((name) => isAccepted(person(name))))
    return gone.every((isIn) => !isIn)
  })

  const rows = await agree()
  t.equal(receiver.received[length]?.id, receiver.received[length + 1]?.id, 'it comes again')
  t.strictSame(
    new Map([...rows].map(([key, row]) => [key, [row.roles, row.disabled, row.name]])),
    new Map<string, unknown>([
      [idOf('ada'), [['editor'], false, null]],
      [idOf('bob'), [[], true, null]],
      [idOf('dora'), [['author', 'editor'], false, null]],
      [idOf('eve'), [[], false, null]],
      [idOf('finn'), [[], false, 'Finn']],
    ]),
    'the job and the receiver have every change',
  )
  t.ok(await isAccepted(person('finn')), 'a new name ends no token')
  const admitted: string[] = []
  for (const name of people.keys()) {
    const reply = await refresh(name)
    const roles = rows.get(idOf(name))?.roles
    if (reply.status === 200) {
      const claims = await api.verify(((await reply.json()) as Tokens).access_token)
      t.strictSame(claims?.roles ?? [], roles, `${name}: the API has the roles of the copy`)
      admitted.push(name)
    } else t.equal(reply.status, 401, `${name} is out`)
  }
  t.strictSame(admitted, ['ada', 'dora', 'finn'], 'disabling and deletion end logins')

  // The API is for people. A service for machine clients judges their claims in the same way.
  const judgeJob = async () => await api.judge(decode(jobToken).payload as unknown as PolledClaims)
  t.equal(await judgeJob(), 'current')
  await clients('disable', id)
  t.equal((await job('/admin/users')).status, 403, 'the job is out at once')
  await until('the end of the job', async () => (await judgeJob()) === 'ended')
  t.equal(await server.stop('SIGTERM'), 0)
})
