import t from 'tap'
import { changeRole } from '../../src/cli/users-roles.js'
import { buildTestApp, goodPassword, onEachDatabase } from '../helper.js'
import { createAdminFlow } from '../support/admins.js'
import { tokenOf } from '../support/mailbox.js'
import { changedMeanwhile, commandOn, createCommands } from '../support/operator.js'

const next = 'seven-green-kettles-whistle'
const expiry = 'New access tokens say so. Issued ones expire within 600 s.\n'
const noAdmin =
  'Warning: no enabled account is an admin now. To appoint one, run: npm run users -- grant <email or id> admin\n'

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database })
  const { call, databaseUrl, nextMail, signup, store } = built
  const { acts } = createAdminFlow(built)
  const run = createCommands({ DATABASE_URL: databaseUrl })
  const verified = async () => {
    const { user } = await signup()
    await call('POST', '/email/verify', {
      body: { token: tokenOf(await nextMail(user.email, 'Confirm')) },
    })
    return user
  }

  await t.test('grant, revoke and roles', async (t) => {
    const { id, email } = await verified()
    const rows: Array<[args: string[], stdout: string, stderr: string]> = [
      [['roles', email], '', ''],
      [
        ['grant', email.toUpperCase(), 'admin'],
        `Granted admin to ${email}. Its roles: admin.\n${expiry}`,
        '',
      ],
      [
        ['grant', id, 'editor'],
        `Granted editor to ${email}. Its roles: admin, editor.\n${expiry}`,
        '',
      ],
      [['grant', id, 'editor'], `${email} already has the role editor. Nothing was changed.\n`, ''],
      [['roles', id], 'admin\neditor\n', ''],
      [
        ['revoke', id, 'viewer'],
        `${email} does not have the role viewer. Nothing was changed.\n`,
        '',
      ],
      [
        ['revoke', email, 'admin'],
        `Revoked admin from ${email}. Its roles: editor.\n${expiry}`,
        noAdmin,
      ],
      [
        ['revoke', email, 'editor'],
        `Revoked editor from ${email}. Its roles: none.\n${expiry}`,
        '',
      ],
    ]
    for (const [args, stdout, stderr] of rows)
      t.strictSame(await run(args), { stdout, stderr, mails: [] }, args.join(' '))
    t.strictSame(
      await acts(),
      [[], ['editor'], ['admin', 'editor'], ['admin']].map((roles) => [
        'cli',
        'admin.roles_changed',
        id,
        { roles },
      ]),
      'the acts',
    )
    t.match(await store.auditLog.list({}, null, 1), [{ requestId: null }])
    t.equal((await store.accounts.findById(id))?.accessVersion, 4)
  })

  await t.test('roles that are not valid change nothing', async (t) => {
    const { email } = await verified()
    for (const role of ['', 'Admin', 'a b', 'x'.repeat(33), '"admin"', 'é'])
      t.match(await run(['grant', email, role]), {
        stderr: /^CommandError: The roles are not valid: a role begins with a-z/,
      })
    for (let index = 0; index < 16; index++) await run(['grant', email, `role-${index}`])
    t.match(await run(['grant', email, 'role-16']), {
      stderr: 'CommandError: The roles are not valid: must have at most 16 roles.',
    })
    t.match(await run(['grant', 'none@example.org', 'admin']), {
      stderr: 'CommandError: The account does not exist.',
    })
  })

  await t.test('an attacker who signed up as the boss is pointed out', async (t) => {
    const email = `boss-${database}@corp.example`
    const { refresh_token: attacker } = await signup({ email })
    const { stdout, stderr } = await run(['grant', email, 'admin'])
    t.match(stdout, `Granted admin to ${email}.`)
    t.match(stderr, `Warning: the address ${email} is not verified. Another person may have signed`)
    t.match(stderr, `npm run users -- verify ${email}`)
    // The owner does as the warning says.
    await call('POST', '/password/forgot', { body: { email } })
    const token = tokenOf(await nextMail(email, 'Reset'))
    await call('POST', '/password/reset', { body: { token, new_password: next } })
    const refresh = { refresh_token: attacker }
    t.equal((await call('POST', '/refresh', { body: refresh })).statusCode, 401)
    const login = async (password: string) =>
      (await call('POST', '/login', { body: { email, password } })).statusCode
    t.strictSame([await login(goodPassword), await login(next)], [401, 200])
    await run(['revoke', email, 'admin'])
    t.equal((await run(['grant', email, 'admin'])).stderr, '', 'the address is verified now')
  })

  await t.test('a command may take the last admin away, and says so', async (t) => {
    const { id, email } = await verified()
    for (const { id: other } of await store.accounts.listPage({ role: 'admin' }, null, 9))
      await run(['revoke', other, 'admin'])
    await run(['grant', email, 'admin'])
    t.match(await run(['disable', email]), { stdout: `Disabled ${email}.`, stderr: noAdmin })
    t.match(await run(['disable', email]), { stderr: '' }, 'it was disabled before')
    await run(['enable', email])
    const second = await verified()
    await run(['grant', second.email, 'admin'])
    t.equal((await run(['disable', email])).stderr, '', 'another admin is left')
    t.match(await run(['delete', second.id, '--yes']), { stderr: noAdmin })
    t.equal(await store.accounts.findById(second.id), null)
    t.match((await acts())[0], ['cli', 'admin.user_deleted', second.id, {}])
    t.match((await acts())[1], [
      'cli',
      'admin.user_changed',
      id,
      { changed: ['disabled'], disabled: true },
    ])
  })

  await t.test('every command that changes an account is recorded', async (t) => {
    const { user } = await signup()
    const moved = `moved-${database}@example.org`
    const expected: Array<[args: string[], event: string, details: object]> = [
      [['verify', user.id], 'admin.user_changed', { changed: ['email_verified'] }],
      [['logout', user.id], 'admin.user_logged_out', {}],
      [['set-password', user.id], 'admin.user_changed', { changed: ['password'] }],
      [
        ['set-email', user.id, moved, '--reset-password'],
        'admin.user_changed',
        { changed: ['email', 'email_verified', 'password'] },
      ],
      [['set-email', user.id, moved], 'admin.user_changed', { changed: ['former_emails'] }],
      [['disable', user.id], 'admin.user_changed', { changed: ['disabled'], disabled: true }],
      [['enable', user.id], 'admin.user_changed', { changed: ['disabled'], disabled: false }],
      [['delete', user.id, '--yes'], 'admin.user_deleted', {}],
    ]
    for (const [args, event, details] of expected) {
      await run(args, { input: `${next}\n` })
      t.strictSame((await acts())[0], ['cli', event, user.id, details], args.join(' '))
    }
    const count = (await acts()).length
    const created = `created-${database}@example.org`
    await run(['create', created, '--verified'], { input: `${next}\n` })
    const account = await store.accounts.findByEmail(created)
    t.strictSame((await acts())[0], ['cli', 'admin.user_created', account?.id, {}])
    for (const args of [['verify', created], ['enable', created], ['roles', created], ['list']])
      await run(args)
    t.equal((await acts()).length, count + 1, 'commands that change nothing are not')
    t.notMatch(JSON.stringify(await store.auditLog.list({}, null, 200)), /@/, 'no address')
  })
})

t.test('an account that is changed while its roles are is left alone', async (t) => {
  const store = changedMeanwhile({ id: 'x', email: 'ada@example.org', roles: '[]' }, false)
  await t.rejects(changeRole('grant', 'ada@example.org', 'admin', commandOn(store)), {
    message: /was changed meanwhile/,
  })
})
