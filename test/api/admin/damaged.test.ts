import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  onEachDatabase,
  outcome,
  query,
  type TestApp,
} from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { createCommands } from '../../support/operator.js'

const damaged: Array<[column: 'roles' | 'claims', text: string]> = [
  ['roles', '["admin"'],
  ['roles', '{"admin":1}'],
  ['roles', '"admin"'],
  ['roles', 'null'],
  ['roles', ''],
  ['roles', '["Bad Name"]'],
  ['roles', '[1,{"x":"admin"}]'],
  ['roles', JSON.stringify(Array.from({ length: 17 }, (_, index) => `r${index}`))],
  ['claims', '{"a":1'],
  ['claims', '[1]'],
  ['claims', 'null'],
  ['claims', '"x"'],
]

const line =
  'the roles or claims of an account cannot be read: it has none until they are set again'

async function damage({ databaseUrl }: TestApp, id: string, column: string, text: string) {
  await query(databaseUrl, `UPDATE users SET ${column} = '${text}' WHERE id = '${id}'`)
}

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, log, signup } = built
  const { admin, login } = createAdminFlow(built)
  const { id: own, token } = await admin()

  await t.test('damaged roles or claims count as none, and harm no other account', async (t) => {
    for (const [column, text] of damaged) {
      const { user, refresh_token: refresh } = await signup()
      await damage(built, user.id, column, text)
      const url = `/admin/users/${user.id}`
      const replies = {
        login: await login(user.email),
        refresh: await call('POST', '/refresh', { body: { refresh_token: refresh } }),
        read: await call('GET', url, { token }),
        list: await call('GET', '/admin/users', { token }),
        admins: await call('GET', '/admin/users?role=admin', { token }),
        name: await call('PATCH', url, { token, body: { name: 'Ada' } }),
        disable: await call('PATCH', url, { token, body: { disabled: true } }),
        enable: await call('PATCH', url, { token, body: { disabled: false } }),
      }
      const name = `${column} ${text}`
      for (const [step, reply] of Object.entries(replies))
        t.equal(reply.statusCode, 200, `${name}: ${step}`)
      const { access_token: issued } = replies.login.json()
      const claims = await call('GET', '/claims', { token: issued })
      t.strictSame([claims.statusCode, claims.headers['x-latchkey-roles']], [200, ''], name)
      t.equal(outcome(await call('GET', '/admin/users', { token: issued })), '403 missing_role')
      t.match(replies.read.json(), { roles: [], claims: {} }, name)
      t.match(
        log().find(({ account, msg }) => account === user.id && msg === line),
        { level: 50 },
      )
      const mended = { roles: ['editor'], claims: { a: 1 } }
      t.match((await call('PATCH', url, { token, body: mended })).json(), mended, name)
      await damage(built, user.id, column, text)
      t.equal(outcome(await call('DELETE', url, { token })), '204', name)
    }
    t.equal(
      outcome(await call('DELETE', '/me', { token, body: { password: goodPassword } })),
      '409 last_admin',
    )
  })

  await t.test('the command line works beside damaged rows, and says which', async (t) => {
    const run = createCommands({ DATABASE_URL: built.databaseUrl })
    const { user } = await signup()
    await damage(built, user.id, 'roles', '["admin"')
    const exported = await run(['export'])
    t.match(exported.stdout, own, 'the other accounts')
    t.match(
      exported.stderr,
      `Warning: the roles or claims of ${user.id} cannot be read. They are exported as none.\n`,
    )
    t.match((await run(['list'])).stdout, user.id)
    t.strictSame((await run(['roles', user.id])).stdout, '')
    t.match((await run(['disable', user.id])).stdout, 'Disabled')
    t.match((await run(['grant', user.id, 'editor'])).stdout, 'Its roles: editor.')
    t.notMatch((await run(['export'])).stderr, 'Warning')
  })
})
