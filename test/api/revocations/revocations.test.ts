import { createHash } from 'node:crypto'
import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  buildTestApp,
  frozenNow,
  goodPassword,
  onEachDatabase,
  problem,
  query,
  type TestApp,
} from '../../helper.js'
import { changedAt, fillVersions } from '../../support/changed-versions.js'
import { createAdminFlow } from '../../support/admins.js'
import { tokenOf } from '../../support/mailbox.js'

const hashOf = (sub: string) => createHash('sha256').update(sub).digest('base64url').slice(0, 22)

interface List {
  as_of: string
  window_seconds: number
  versions: Record<string, number>
  truncated?: true
}

/** Reads a list that is newer than the previous one. */
async function readNew({ call, time }: Pick<TestApp, 'call' | 'time'>): Promise<List> {
  time.now += 1000
  const reply = await call('GET', '/revocations')
  if (reply.statusCode !== 200) throw new Error(reply.body)
  return reply.json()
}

await onEachDatabase(t, async (t, database) => {
  await t.test('what ends tokens is listed, and nothing else', async (t) => {
    const built = await buildTestApp(t, { database })
    const { call, signup, nextMail, store } = built
    const { admin, setRoles, setClaims, disable, remove } = createAdminFlow(built)
    const person = await signup({ email: 'ada@example.org' })
    const { id } = person.user
    let { access_token: token, refresh_token: refreshToken } = person
    const verify = tokenOf(await nextMail('ada@example.org', 'Confirm'))
    const version = async () => (await readNew(built)).versions[hashOf(id)]

    await call('PATCH', '/me', { token, body: { name: 'Ada' } })
    await call('POST', '/email/verify', { body: { token: verify } })
    await call('POST', '/refresh', { body: { refresh_token: refreshToken } })
    await call('POST', '/login', { body: { email: 'ada@example.org', password: goodPassword } })
    await call('POST', '/logout', { body: { refresh_token: refreshToken } })
    await store.accounts.createMany([
      {
        email: 'moved@example.org',
        passwordHash: '$hash$',
        name: null,
        emailVerified: true,
        disabled: true,
        accessVersion: 7,
      },
    ])
    t.strictSame((await readNew(built)).versions, {}, 'sign-up, rename, login, logout, import')

    const next = 'seven-green-kettles-whistle'
    const changed = await call('POST', '/password/change', {
      token,
      body: { current_password: goodPassword, new_password: next },
    })
    ;({ access_token: token, refresh_token: refreshToken } = changed.json())
    t.equal(await version(), 1, 'another password')
    await call('POST', '/logout/everywhere', { token })
    t.equal(await version(), 2, 'a logout everywhere')
    await call('POST', '/password/forgot', { body: { email: 'ada@example.org' } })
    const reset = tokenOf(await nextMail('ada@example.org', 'Reset'))
    const body = { token: reset, new_password: goodPassword }
    t.equal((await call('POST', '/password/reset', { body })).statusCode, 204)
    t.equal(await version(), 3, 'a reset password')
    await setRoles(id, 'editor')
    t.equal(await version(), 4, 'a role')
    await setClaims(id, { plan: 'free' })
    t.equal(await version(), 5, 'a claim')
    const { token: boss } = await admin()
    await call('POST', `/admin/users/${id}/logout`, { token: boss })
    t.equal(await version(), 6, 'a logout by an admin')
    await disable(id)
    t.equal(await version(), 7, 'disabling')
    await remove(id)
    t.equal(await version(), 8, 'deletion')
    const { user, access_token: hers } = await signup()
    await call('DELETE', '/me', { token: hers, body: { password: goodPassword } })
    t.equal((await readNew(built)).versions[hashOf(user.id)], 1, 'deletion by the owner')
  })

  await t.test('a version is listed as long as a former token can live', async (t) => {
    const env = { ACCESS_TOKEN_SECONDS: '3600' }
    const built = await buildTestApp(t, { database, env })
    const { signup, time, store, databaseUrl } = built
    const { user } = await signup()
    await createAdminFlow(built).remove(user.id)
    const isListed = async () => hashOf(user.id) in (await readNew(built)).versions
    t.equal((await readNew(built)).window_seconds, 3660)
    time.now = frozenNow + 3_658_000
    await store.accounts.purge(new Date(time.now - 30 * 86_400_000))
    t.ok(await isListed(), 'an erased account is not purged before')
    t.notOk(await isListed())

    const set = async (seconds: number, version = 9) => {
      await changedAt(databaseUrl, 'users', user.id, { at: time.now + seconds * 1000, version })
    }
    await set(-3630)
    t.ok(await isListed(), 'written by a server whose clock is 30 s late, or committed late')
    await set(45)
    t.ok(await isListed(), 'by a server whose clock is ahead')
    await set(-60, 2)
    t.equal((await readNew(built)).versions[hashOf(user.id)], 2, 'a restored backup: it fell')
  })

  await t.test('a statement that is committed late is in the next list', async (t) => {
    const built = await buildTestApp(t, { database })
    const { signup, time, databaseUrl } = built
    const { user } = await signup()
    const at = time.now
    t.strictSame((await readNew(built)).versions, {})
    await readNew(built)
    await changedAt(databaseUrl, 'users', user.id, { at, version: 1 })
    t.strictSame((await readNew(built)).versions, { [hashOf(user.id)]: 1 })
  })

  await t.test('machine clients are in the same list', async (t) => {
    const built = await buildTestApp(t, { database })
    const id = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fdf'
    const at = database === 'sqlite' ? "'2026-01-02T03:04:05.000+00:00'" : "'2026-01-02 03:04:05'"
    await query(
      built.databaseUrl,
      `INSERT INTO clients (id, name, secret_hash, created_at) VALUES ('${id}', 'job', 'x', ${at})`,
    )
    t.strictSame((await readNew(built)).versions, {}, 'a new client')
    await changedAt(built.databaseUrl, 'clients', id, { at: frozenNow, version: 1 })
    t.strictSame((await readNew(built)).versions, { [hashOf(id)]: 1 })
  })

  await t.test('of 100,000 changes the newest are listed', async (t) => {
    const built = await buildTestApp(t, { database })
    const ids = await fillVersions(built.databaseUrl, 100_000, frozenNow)
    const begin = performance.now()
    const { versions, truncated } = await readNew(built)
    const milliseconds = performance.now() - begin
    t.comment(`${Math.round(milliseconds)} ms`)
    t.ok(milliseconds < 2000, `${milliseconds} ms`)
    t.equal(truncated, true)
    t.equal(Object.keys(versions).length, 10_000)
    const newest = (await ids()).slice(-10_000)
    t.ok(newest.every((id) => versions[hashOf(id)] === 1))
    const { user } = await built.signup()
    await createAdminFlow(built).disable(user.id)
    t.equal((await readNew(built)).versions[hashOf(user.id)], 1, 'the next change is among them')
  })

  await t.test('HTTP: tags, HEAD, ranges, other methods, queries, origins', async (t) => {
    const env = { CORS_ORIGINS: 'https://app.example.com' }
    const built = await buildTestApp(t, { database, env })
    const { call, time } = built
    const { user } = await built.signup()
    const { setRoles } = createAdminFlow(built)
    const first = await call('GET', '/revocations')
    const etag = String(first.headers.etag)
    t.match(etag, /^W\/"[\w-]{22}"$/)
    t.match(first, {
      statusCode: 200,
      headers: {
        'cache-control': 'max-age=2',
        'content-type': 'application/json; charset=utf-8',
        'x-latchkey-as-of': '2026-01-02T03:04:05.000Z',
      },
    })
    t.strictSame(first.json(), {
      as_of: '2026-01-02T03:04:05.000Z',
      window_seconds: 3660,
      versions: {},
    })
    const conditional = async (tag: string) =>
      await call('GET', '/revocations', { headers: { 'if-none-match': tag } })
    time.now += 2000
    for (const tag of [etag, etag.slice(2), `"x", ${etag}`, '*']) {
      const reply = await conditional(tag)
      t.strictSame([reply.statusCode, reply.body], [304, ''], tag)
      t.match(reply.headers, {
        etag,
        'cache-control': 'max-age=2',
        'x-latchkey-as-of': '2026-01-02T03:04:07.000Z',
        'content-type': undefined,
        'content-length': undefined,
      })
    }
    for (const tag of ['', '"x"', `${etag}x`, 'W/"', ',,,', `w${etag}`, etag.slice(3, -1)])
      t.equal((await conditional(tag)).statusCode, 200, tag)
    await setRoles(user.id, 'editor')
    time.now += 1000
    const changed = await conditional(etag)
    t.equal(changed.statusCode, 200)
    t.not(changed.headers.etag, etag)

    const head = await call('HEAD', '/revocations')
    t.strictSame([head.statusCode, head.body], [200, ''])
    t.equal(head.headers['content-length'], changed.headers['content-length'])
    const range = await call('GET', '/revocations', { headers: { range: 'bytes=0-1' } })
    t.strictSame([range.statusCode, range.body], [200, changed.body], 'a range is the whole')
    problem(t, await call('GET', '/revocations?x=1'), 400, 'invalid_request')
    problem(t, await call('POST', '/revocations'), 405, 'method_not_allowed')
    const token = await call('GET', '/revocations', { token: 'a.b.c' })
    t.equal(token.statusCode, 200, 'a token is not read')
    const origin = { origin: 'https://app.example.com' }
    t.match((await call('GET', '/revocations', { headers: origin })).headers, {
      'access-control-allow-origin': origin.origin,
    })
    t.strictSame(
      built.log().filter((line) => line.route === '/revocations' && line.level !== 40),
      [],
      'polls are not logged',
    )
  })
})

t.test('under a path, the address has the path', async (t) => {
  const { call } = await buildTestApp(t, { env: { PUBLIC_URL: 'https://example.org/auth' } })
  t.equal((await call('GET', '/auth/revocations')).statusCode, 200)
})

t.test('the database away: ten seconds of the last list, then 503', async (t) => {
  let away = false
  const built = await buildTestApp(t, {
    env: { METRICS: 'on' },
    wrapStore: (store) => ({
      ...store,
      findChangedVersions: async (since, count) => {
        if (away) throw new Problem('unavailable', { cause: new Error('gone') })
        return await store.findChangedVersions(since, count)
      },
    }),
  })
  const { call, time } = built
  const { user } = await built.signup()
  await createAdminFlow(built).disable(user.id)
  const list = await readNew(built)
  away = true
  time.now += 8000
  t.strictSame(await readNew(built), list, 'as_of tells its age')
  time.now += 1000
  const reply = await call('GET', '/revocations')
  problem(t, reply, 503, 'unavailable')
  t.match(reply.headers, { 'cache-control': 'no-store', 'retry-after': '2' })
  const { body } = await call('GET', '/metrics')
  t.match(body, /^latchkey_revocations_listed 1$/m)
  t.match(body, /^latchkey_revocations_failed_total 2$/m)
  away = false
  t.match(await readNew(built), { versions: { [hashOf(user.id)]: 1 } })
})
