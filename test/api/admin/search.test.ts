import t from 'tap'
import { buildTestApp, onEachDatabase, pointersOf } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { tableIs } from '../../support/table.js'

interface Page {
  users: Array<{ email: string }>
  events: Array<{ id: string; event: string; actor: string; user: string; request_id: string }>
  next_cursor: string | null
}

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time } = built
  const { act, admin, disable, personWith, setRoles } = createAdminFlow(built)
  const emails = ['zoe', 'a%b', 'a_b', 'axb', 'ada', 'ünal'].map((name) => `${name}@find.example`)
  for (const email of emails) {
    time.now += 1000
    await signup({ email })
  }
  time.now += 1000
  const { id: adminId, token } = await admin()
  const get = async (path: string, query: string) =>
    await call('GET', `/admin/${path}${query === '' ? '' : '?'}${query}`, { token })
  const found = async (query: string) => {
    const { users } = (await get('users', query)).json<Page>()
    return users.map(({ email }) => email.replace('@find.example', ''))
  }
  /** Follows the cursors to the end. */
  const pages = async (path: string, query: string, most = 20) => {
    const all: Page[] = []
    for (let cursor = ''; all.length < most;) {
      const page = (await get(path, `${query}${cursor}`)).json<Page>()
      all.push(page)
      if (page.next_cursor === null) break
      cursor = `&cursor=${page.next_cursor}`
    }
    return all
  }

  await t.test('the list is in the order of creation, in pages', async (t) => {
    const all = await pages('users', 'limit=3')
    t.strictSame(
      all.map(({ users }) => users.length),
      [3, 3, 1],
    )
    t.strictSame(all.flatMap(({ users }) => users.map(({ email }) => email)).slice(0, 6), emails)
    t.equal((await get('users', 'limit=7')).json<Page>().next_cursor, null, 'a full last page')
    t.notMatch(
      // After the 16 bytes of the MAC, which may have any value.
      Buffer.from(String(all[0]?.next_cursor), 'base64url').toString('latin1', 16),
      '@',
      'a cursor in the order of creation has no address',
    )
  })

  await t.test('a beginning of an address, by its characters and in their order', async (t) => {
    await tableIs(
      t,
      [
        ['email_prefix=a', 'a%b,a_b,ada,axb'],
        ['email_prefix=a%25', 'a%b'],
        ['email_prefix=a_', 'a_b'],
        ['email_prefix=A_B%40FIND', 'a_b'],
        ['email_prefix=u%CC%88', 'ünal'],
        ['email_prefix=%C3%9CN', 'ünal'],
        ['email_prefix=%20a', 'a%b,a_b,ada,axb'],
        ['email_prefix=nobody', ''],
        ['email_prefix=%F0%9F%98%80', ''],
        ['email=ADA%40find.example', 'ada'],
        ['email=none%40find.example', ''],
      ].map(([query = '', names]) => [query, query, names] as const),
      async (query) => (await found(query)).join(),
      'searches',
    )
    const all = await pages('users', 'email_prefix=a&limit=1')
    t.strictSame(
      all.flatMap(({ users }) => users.map(({ email }) => email.split('@')[0])).slice(0, 4),
      ['a%b', 'a_b', 'ada', 'axb'],
      'in pages',
    )
  })

  await t.test('by role and state', async (t) => {
    const one = await personWith('editor', 'viewer')
    const two = await personWith('edit')
    await disable(one.id)
    const rows: Array<[query: string, expected: string[]]> = [
      ['role=editor', [one.email]],
      ['role=edit', [two.email]],
      ['role=editor&disabled=true', [one.email]],
      ['role=editor&disabled=false', []],
      ['role=none', []],
      ['disabled=true', [one.email]],
    ]
    for (const [query, expected] of rows) t.strictSame(await found(query), expected, query)
    t.equal((await found('disabled=false')).includes(one.email), false)
    await setRoles(one.id)
  })

  await t.test('queries that are not valid', async (t) => {
    const cursor = (await get('users', 'limit=1')).json<Page>().next_cursor ?? ''
    const middle = Math.floor(cursor.length / 2)
    const flipped = `${cursor.slice(0, middle)}${cursor[middle] === 'A' ? 'B' : 'A'}${cursor.slice(middle + 1)}`
    const forged = Buffer.concat([Buffer.alloc(16), Buffer.from('[0,""]')]).toString('base64url')
    const rows: Array<[query: string, pointers: string[]]> = [
      ...['0', '201', '050', '1e2', '+5', '-1', '5.0', '%205', ''].map(
        (limit): [string, string[]] => [`limit=${limit}`, ['limit']],
      ),
      ['limit=1&limit=2', ['limit']],
      ...['TRUE', '1', '', 'null'].map((value): [string, string[]] => [
        `disabled=${value}`,
        ['disabled'],
      ]),
      ['disabled=true&disabled=true', ['disabled']],
      ['email=nobody', ['email']],
      ['email=a%00%40find.example', ['email']],
      ['email_prefix=', ['email_prefix']],
      ['email_prefix=%20', ['email_prefix']],
      ['email_prefix=a%00', ['email_prefix']],
      ['email_prefix[]=a', ['email_prefix[]']],
      ['email=ada%40find.example&email_prefix=a', ['email_prefix']],
      ['role=Admin', ['role']],
      ['role=%22', ['role']],
      ['search=x', ['search']],
      ['user=x', ['user']],
      ['cursor=', ['cursor']],
      ['cursor=x', ['cursor']],
      [`cursor=${flipped}`, ['cursor']],
      [`cursor=${cursor.slice(0, -4)}`, ['cursor']],
      [`cursor=${cursor}A`, ['cursor']],
      [`cursor=${cursor}%3D`, ['cursor']],
      [`cursor=${forged}`, ['cursor']],
      [`role=admin&cursor=${cursor}`, ['cursor']],
      [`disabled=false&cursor=${cursor}`, ['cursor']],
      [`email_prefix=a&cursor=${cursor}`, ['cursor']],
      [`cursor=${cursor}&cursor=${cursor}`, ['cursor']],
      [`cursor=${'x'.repeat(2001)}`, ['cursor']],
    ]
    await tableIs(
      t,
      rows.map(
        ([query, pointers], row) => [`${row}: ${query.slice(0, 60)}`, query, pointers] as const,
      ),
      async (query) => [...new Set(pointersOf(await get('users', query)) as string[])],
      'GET /admin/users',
    )
    t.equal((await get('users', `limit=200&cursor=${cursor}`)).statusCode, 200, 'another limit')
    const prefix = await get('users', 'email_prefix=%ED%A0%80')
    t.ok([200, 400].includes(prefix.statusCode), 'a surrogate is text or refused')
  })

  await t.test('the audit is newest first, and can be searched', async (t) => {
    const subject = '01a1fc01-f8b4-7454-b157-7ca464a8123c'
    const actor = { id: adminId, requestId: 'r', mayRemoveLastAdmin: false, log: () => {} }
    for (const [who, event] of [
      [actor, 'admin.user_created'],
      [actor, 'admin.user_deleted'],
      [{ ...actor, id: 'cli', requestId: null }, 'admin.roles_changed'],
    ] as const)
      await act(who, event, subject, { roles: ['x'] })
    const { events } = (await get('audit', '')).json<Page>()
    t.match(events[0], {
      id: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      at: new Date(time.now).toISOString(),
      actor: 'cli',
      event: 'admin.roles_changed',
      user: subject,
      request_id: null,
      details: { roles: ['x'] },
    })
    const names = async (query: string) =>
      (await get('audit', query)).json<Page>().events.map(({ event }) => event.split('.')[1])
    for (const [query, expected] of [
      ['', ['roles_changed', 'user_deleted', 'user_created']],
      ['actor=cli', ['roles_changed']],
      [`actor=${adminId.toUpperCase()}`, ['user_deleted', 'user_created']],
      [`user=${subject.toUpperCase()}&limit=1`, ['roles_changed']],
      [`user=${adminId}`, []],
      ['event=admin.user_created', ['user_created']],
    ] as const)
      t.strictSame(await names(query), expected, query)
    t.strictSame(
      (await pages('audit', 'limit=1')).map(({ events }) => events[0]?.event),
      ['admin.roles_changed', 'admin.user_deleted', 'admin.user_created'],
    )
    const cursor = (await get('audit', 'limit=1')).json<Page>().next_cursor
    await tableIs(
      t,
      [
        ['user=x', ['user']],
        ['actor=admin', ['actor']],
        ['actor=', ['actor']],
        ['event=login.ok', ['event']],
        ['limit=201', ['limit']],
        [`actor=cli&cursor=${cursor}`, ['cursor']],
        [`email=x&cursor=${cursor}`, ['email']],
      ].map(([query, pointers]) => [String(query).slice(0, 40), query, pointers] as const),
      async (query) => pointersOf(await get('audit', String(query))),
      'GET /admin/audit',
    )
    t.strictSame(pointersOf(await get('users', `cursor=${cursor}`)), ['cursor'], 'another list')
  })
})
