import t from 'tap'
import type { Transport } from '../../../src/mail/message.js'
import { buildTestApp, goodPassword, onEachDatabase, outcome } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { tokenOf } from '../../support/mailbox.js'
import { createCommands } from '../../support/operator.js'

const day = 24 * 3600 * 1000

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, nextMail, store, time } = built
  const { admin, acts, login } = createAdminFlow(built)
  const { id: adminId, email: adminEmail } = await admin()
  // The clock moves by days.
  const freshToken = async () => (await login(adminEmail)).json().access_token as string
  let number = 0
  const invite = async (more: object = {}) => {
    const email = `guest${++number}@example.org`
    const token = await freshToken()
    const reply = await call('POST', '/admin/users', {
      token,
      body: { email, invite: true, ...more },
    })
    return { email, reply, id: reply.json().id as string }
  }
  const reset = async (link: string, password = goodPassword) =>
    await call('POST', '/password/reset', { body: { token: link, new_password: password } })
  const linkTo = async (email: string) =>
    tokenOf(await nextMail(email, 'You have been invited to localhost:3000'), '/password/reset')

  await t.test('the link of an invitation sets a password and verifies the address', async (t) => {
    const { email, reply, id } = await invite({ name: 'Grace', roles: ['editor'] })
    t.match(reply.json(), { email, name: 'Grace', roles: ['editor'], email_verified: false })
    t.strictSame((await acts())[0], [adminId, 'admin.user_invited', id, { roles: ['editor'] }])
    for (const password of [
      goodPassword,
      '',
      '!',
      String((await store.accounts.findById(id))?.passwordHash),
    ])
      t.equal(
        outcome(await login(email, password)),
        '401 invalid_credentials',
        'no password opens it',
      )
    time.now += 7 * day - 1000
    const link = await linkTo(email)
    t.equal((await reset(link)).statusCode, 204, 'for 7 days')
    t.match((await login(email)).json(), { user: { email_verified: true, name: 'Grace' } })
    t.equal(outcome(await reset(link)), '400 invalid_one_time_token', 'once')
  })

  await t.test('an expired invitation is replaced by POST /password/forgot', async (t) => {
    const { email } = await invite()
    const link = await linkTo(email)
    time.now += 7 * day + 60_000
    t.equal(outcome(await reset(link)), '400 invalid_one_time_token')
    await call('POST', '/password/forgot', { body: { email } })
    const again = tokenOf(await nextMail(email, 'Reset your password'))
    t.equal((await reset(again)).statusCode, 204)
    t.match((await login(email)).json(), { user: { email_verified: true } })
  })

  await t.test('a link ends when the account is disabled, moved or deleted', async (t) => {
    for (const change of [
      async (id: string, token: string) =>
        await call('PATCH', `/admin/users/${id}`, { token, body: { disabled: true } }),
      async (id: string, token: string) =>
        await call('PATCH', `/admin/users/${id}`, {
          token,
          body: { email: `moved${number}@example.org` },
        }),
      async (id: string, token: string) => await call('DELETE', `/admin/users/${id}`, { token }),
    ]) {
      const { email, id } = await invite()
      const link = await linkTo(email)
      t.ok((await change(id, await freshToken())).statusCode < 300)
      t.equal(outcome(await reset(link)), '400 invalid_one_time_token')
    }
  })
})

t.test('invitations of one admin have places, and none is lost unseen', async (t) => {
  let release = () => {}
  const hanging = new Promise<void>((resolve) => {
    release = resolve
  })
  const delivered: string[] = []
  const transport: Transport = {
    deliver: async ({ to, subject }) => {
      await hanging
      delivered.push(`${subject.slice(0, 8)} ${to}`)
    },
    close: () => {},
  }
  const built = await buildTestApp(t, { transport, env: { RATE_LIMITS: 'off' } })
  const { call, store } = built
  const { admin } = createAdminFlow(built)
  const [one, two] = [await admin(), await admin()]
  const send = async (token: string, index: number) =>
    await call('POST', '/admin/users', {
      token,
      body: { email: `guest${index}@example.org`, invite: true },
    })
  const statuses: number[] = []
  for (let index = 0; index < 25; index++) statuses.push((await send(one.token, index)).statusCode)
  t.equal(statuses.filter((status) => status === 201).length, 19, 'and the mail of the sign-up')
  const refused = await send(one.token, 99)
  t.equal(outcome(refused), '503 overloaded')
  t.ok(Number(refused.headers['retry-after']) >= 1)
  t.equal(await store.accounts.findByEmail('guest99@example.org'), null, 'no account either')
  t.equal((await send(two.token, 50)).statusCode, 201, 'another admin')
  t.equal(outcome(await send(two.token, 50)), '409 email_taken')
  await call('POST', '/password/forgot', { body: { email: one.email } })
  release()
  const waitFor = async (text: string) => {
    for (let tries = 0; tries < 400 && !delivered.includes(text); tries++)
      await new Promise((resolve) => setTimeout(resolve, 5))
    return delivered.includes(text)
  }
  t.ok(await waitFor(`Reset yo ${one.email}`), 'a reset is not drowned')
  t.equal((await send(one.token, 99)).statusCode, 201, 'later there is room again')
  t.ok(await waitFor('You have guest99@example.org'))
})

t.test('closed sign-up with invitations, as a small internal tool', async (t) => {
  const built = await buildTestApp(t, { env: { SIGNUP_MODE: 'closed' } })
  const { call, databaseUrl, nextMail } = built
  const run = createCommands({ DATABASE_URL: databaseUrl })
  await run(['create', 'boss@corp.example', '--verified'], { input: goodPassword })
  await run(['grant', 'boss@corp.example', 'admin'])
  const login = async (email: string) =>
    (await call('POST', '/login', { body: { email, password: goodPassword } })).json()
  const { access_token: token } = await login('boss@corp.example')
  t.equal(
    outcome(
      await call('POST', '/signup', { body: { email: 'x@corp.example', password: goodPassword } }),
    ),
    '403 signup_closed',
  )
  const body = { email: 'ada@corp.example', invite: true, roles: ['editor'] }
  t.equal((await call('POST', '/admin/users', { token, body })).statusCode, 201)
  const link = tokenOf(await nextMail('ada@corp.example', 'You have been invited'))
  await call('POST', '/password/reset', { body: { token: link, new_password: goodPassword } })
  const { user } = await login('ada@corp.example')
  t.match(user, { email: 'ada@corp.example', email_verified: true })
})
