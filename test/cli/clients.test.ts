import t from 'tap'
import { createActs } from '../../src/account/acts.js'
import { createAuthenticateClient } from '../../src/account/authenticate-client.js'
import { manageClients, rotate, setScopes } from '../../src/cli/manage-clients.js'
import { loadConfig } from '../../src/config.js'
import type { MachineClient } from '../../src/store/machine-clients.js'
import { openStore } from '../../src/store/open-store.js'
import { frozenNow, onEachDatabase, query } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { migratedDatabase } from '../support/migrated.js'

const printed = /^client_id: ([0-9a-f-]{36})\nclient_secret: (lk_[\w-]{43})\n$/

await onEachDatabase(t, async (t, kind) => {
  const url = await migratedDatabase(t, kind)
  const config = loadConfig({ DATABASE_URL: url })
  let now = frozenNow
  const clock = () => now
  const store = await openStore(url, { autoMigrate: false, clock })
  t.teardown(store.close)
  const { machineClients, auditLog } = store
  const run = async (...args: string[]) => {
    const terminal = fakeTerminal()
    const error = await manageClients(args, config, terminal, clock).then(
      () => null,
      (error: Error) => `${error.name}: ${error.message}`,
    )
    return { ...(await terminal.output()), error }
  }
  const authenticate = createAuthenticateClient({ machineClients, limiters: undefined, clock })
  const accepts = async (id: string, secret: string) =>
    await authenticate({ id, secret, network: '', limit: 'token-client' }).then(
      () => true,
      ({ code }: { code: string }) => code,
    )
  const lastAct = async () => {
    const [act] = await auditLog.list({}, null, 1)
    return [act?.actor, act?.event, act?.subject, act?.requestId, act?.details]
  }

  const created = await run('create', 'nightly job', '--scope', 'users:read', '--scope', 'a:b')
  const [, id = '', secret = ''] = printed.exec(created.stdout) ?? []

  await t.test('create prints the id and the secret, a line each', async (t) => {
    t.match(created.stdout, printed)
    t.match(created.stderr, /not shown again/)
    t.equal(await accepts(id, secret), true)
    t.match(await machineClients.findById(id), {
      name: 'nightly job',
      scopes: 'users:read a:b',
      version: 0,
      disabledAt: null,
    })
    t.strictSame(await lastAct(), [
      'cli',
      'client.created',
      id,
      null,
      '{"scopes":["users:read","a:b"]}',
    ])
    t.notMatch(JSON.stringify(await query(url, 'SELECT * FROM audit')), secret)
  })

  await t.test('rotate keeps the previous secret for a stated time', async (t) => {
    const { stdout, stderr } = await run('rotate', id)
    const [, sameId, next = ''] = printed.exec(stdout) ?? []
    t.equal(sameId, id)
    t.match(stderr, /works until 2026-01-03T03:04:05\.000Z\./)
    t.match((await run('list')).stdout, / 2026-01-03T03:04:05\.000Z /)
    t.strictSame([await accepts(id, secret), await accepts(id, next)], [true, true])
    now += 24 * 3_600_000
    t.strictSame([await accepts(id, secret), await accepts(id, next)], ['invalid_client', true])
    t.strictSame((await lastAct()).slice(0, 3), ['cli', 'client.rotated', id])
    t.match((await run('rotate', id, '--keep-hours', '1')).stderr, /works until .*T04:04:05/)
    const { stderr: ended } = await run('rotate', id, '--now')
    t.match(ended, /and every token issued with it have ended/)
    t.equal(await accepts(id, next), 'invalid_client')
    t.match(await machineClients.findById(id), { version: 1, previousUntil: null })
  })

  await t.test('of two rotations at the same time one is refused', async (t) => {
    const client = (await machineClients.findById(id)) as MachineClient
    await run('rotate', id)
    const terminal = fakeTerminal()
    const deps = {
      machineClients,
      acts: createActs(auditLog),
      terminal,
      accessTokenSeconds: 600,
      clock,
    }
    await t.rejects(rotate(client, 24, deps), {
      name: 'CommandError',
      message: 'Another command rotated the client at the same time. Nothing changed.',
    })
    t.equal((await terminal.output()).stdout, '')
  })

  await t.test('scopes replaces the scopes, and ends the tokens', async (t) => {
    const before = (await machineClients.findById(id)) as MachineClient
    const { stdout } = await run('scopes', id, '--scope', 'orders:ship', '--scope', 'users:write')
    t.match(stdout, /^nightly job \(.+\) now has: orders:ship users:write\. .+ 600 s\.\n$/)
    const after = {
      scopes: 'orders:ship users:write',
      version: before.version + 1,
      versionChangedAt: new Date(now),
    }
    t.match(await machineClients.findById(id), after)
    const act = ['client.scopes_changed', id, null, '{"scopes":["orders:ship","users:write"]}']
    t.strictSame((await lastAct()).slice(1), act)
    now += 1000
    const same = await run('scopes', id, '--scope', 'users:write', '--scope', 'orders:ship')
    t.match(same.stdout, /has these scopes already\. Nothing changed\./)
    const terminal = fakeTerminal()
    const acts = createActs(auditLog)
    const deps = { machineClients, acts, terminal, accessTokenSeconds: 600, clock }
    await t.rejects(setScopes(before, ['a'], deps), {
      name: 'CommandError',
      message:
        'Another command changed the scopes of the client at the same time. Nothing changed.',
    })
    t.match(await machineClients.findById(id), after)
    t.strictSame((await lastAct()).slice(1), act)
    await run('scopes', id, '--scope', 'users:read', '--scope', 'a:b')
  })

  await t.test('disable and enable', async (t) => {
    const { version } = (await machineClients.findById(id)) as MachineClient
    t.match((await run('disable', id)).stdout, /^nightly job \(.+\) is disabled\. .+ 600 s\.\n$/)
    t.strictSame((await lastAct()).slice(1), ['client.disabled', id, null, '{"disabled":true}'])
    t.match((await run('disable', id)).stdout, /already disabled/)
    t.match(await machineClients.findById(id), { version: version + 1, disabledAt: Date })
    t.match((await run('rotate', id)).stderr, /The client is disabled: no secret works/)
    t.match((await run('enable', id)).stdout, /is enabled\. Tokens that were ended stay ended/)
    t.match((await run('enable', id)).stdout, /already enabled/)
    t.match(await machineClients.findById(id), { version: version + 1, disabledAt: null })
    t.strictSame((await lastAct()).slice(1, 3), ['client.enabled', id])
  })

  await t.test('list', async (t) => {
    await run('create', 'none\u202e')
    await run('disable', id)
    const { stdout } = await run('list')
    const [heading, ...lines] = stdout.trim().split('\n')
    t.match(heading, /^id +created +disabled +previous secret until +name +scopes$/)
    t.equal(lines.length, 2)
    t.match(lines[0], new RegExp(`^${id}  .+  nightly job  users:read a:b$`))
    t.match(lines[1], / {2}none\\u202e {2}-$/)
    const json = (await run('list', '--json')).stdout.trim().split('\n')
    t.match(JSON.parse(json[0] ?? ''), {
      id,
      name: 'nightly job',
      scopes: ['users:read', 'a:b'],
      created_at: /Z$/,
      disabled_at: String,
    })
    t.notMatch(stdout + json.join(''), /hash|lk_/)
  })

  await t.test('what is refused changes nothing', async (t) => {
    const before = await machineClients.list()
    const unknown = '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e62'
    const refused: Array<[args: string[], message: RegExp]> = [
      [[], /Usage/],
      [['remove', id], /Usage/],
      [['constructor'], /Usage/],
      [['create'], /Usage/],
      [['create', 'a', 'b'], /Usage/],
      [['create', 'a', '--now'], /Usage/],
      [['create', 'a', '--unknown'], /Usage/],
      [['create', ''], /1 to 200 characters/],
      [['create', 'x'.repeat(201)], /1 to 200 characters/],
      [['create', 'a\0b'], /1 to 200 characters/],
      [['create', 'a', '--scope', 'a b'], /--scope: a scope has/],
      [['create', 'a', '--scope', 'x', '--scope', 'x'], /twice/],
      [['create', 'a', '--scope', 'users:wirte'], /users:wirte is not a scope of Latchkey/],
      [['create', 'a', '--scope', 'Users:read'], /those are users:read and users:write/],
      [['create', 'a', '--scope', 'users:read,users:write'], /Repeat --scope for each/],
      [['rotate', id, '--now', '--keep-hours', '2'], /--keep-hours/],
      [['rotate', id, '--keep-hours', '0'], /--keep-hours/],
      [['rotate', id, '--keep-hours', '721'], /--keep-hours/],
      [['rotate', 'nightly job'], /There is no machine client nightly job\./],
      [['scopes', id], /Name every scope/],
      [['scopes', id, '--scope', 'users:all'], /is not a scope of Latchkey/],
      [['scopes', unknown, '--scope', 'a'], /There is no machine client/],
      [['disable', unknown], /There is no machine client/],
      [['enable', `${id}\0`], /There is no machine client/],
    ]
    for (const [args, message] of refused) t.match((await run(...args)).error, message)
    t.strictSame(await machineClients.list(), before)
  })
})
