import t from 'tap'
import { auditEvents, type AuditEvent } from '../../src/http/audit.js'
import { buildTestApp, goodPassword, projectFile, type TestApp } from '../helper.js'
import { createAdminFlow } from '../support/admins.js'
import { tokenOf } from '../support/mailbox.js'
import { createMachineFlow } from '../support/machines.js'
import { operatorOn } from '../support/accounts.js'

const newPassword = 'copper-kettle-on-the-lower-shelf'

type Person = Awaited<ReturnType<TestApp['signup']>>

/** What leads to an event, and the id of the account that its line names. */
type Scenario = (built: TestApp, person: Person) => Promise<string | null>

async function changeAddress(
  { call, nextMail }: TestApp,
  { access_token: token, user }: Person,
): Promise<string | undefined> {
  await call('POST', '/email/change', {
    token,
    body: { new_email: `new-${user.email}`, password: goodPassword },
  })
  return tokenOf(await nextMail(`new-${user.email}`, 'Confirm'))
}

/** An act of a new admin on the person. Returns the id of the account that its line names. */
function act(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Scenario {
  return async (built, { user }) => {
    const { token } = await createAdminFlow(built).admin()
    const reply = await built.call(method, path.replace(':id', user.id), { token, body })
    return path.includes(':id') ? user.id : reply.json<{ id: string }>().id
  }
}

/** Events that come with a setting alone. */
const ofSettings = {
  'signup.requested': { SIGNUP_MODE: 'verify_first' },
  'login.unverified': { REQUIRE_VERIFIED_EMAIL: 'on' },
}

/** The last step of each row is what is looked at. */
const scenarios: Record<Exclude<AuditEvent, keyof typeof ofSettings>, Scenario> = {
  'signup.ok': async ({ signup }) => (await signup({ name: 'Secret Name' })).user.id,
  'signup.taken': async ({ call }, { user: { email } }) => {
    await call('POST', '/signup', { body: { email, password: goodPassword } })
    return null
  },
  'login.ok': async ({ call }, { user: { id, email } }) => {
    await call('POST', '/login', { body: { email, password: goodPassword } })
    return id
  },
  'login.failed': async ({ call }, { user: { id, email } }) => {
    await call('POST', '/login', { body: { email, password: newPassword } })
    return id
  },
  'login.disabled': async ({ call, store }, { user: { id, email } }) => {
    await operatorOn(store.accounts).disable(id)
    await call('POST', '/login', { body: { email, password: goodPassword } })
    return id
  },
  'login.throttled': async ({ call }) => {
    for (let times = 0; times < 12; times++)
      await call('POST', '/login', { body: { email: 'many@example.org', password: goodPassword } })
    return null
  },
  'refresh.refused': async ({ call, store }, { user: { id }, refresh_token: token }) => {
    await store.accounts.endRefreshTokens(id)
    await call('POST', '/refresh', { body: { refresh_token: token } })
    return id
  },
  'token.refused': async ({ call, store }, { user: { id }, access_token: token }) => {
    await operatorOn(store.accounts).delete(id)
    await call('GET', '/me', { token })
    return id
  },
  'account.refused': async ({ call, store }, { user: { id }, access_token: token }) => {
    await operatorOn(store.accounts).disable(id)
    await call('GET', '/me', { token })
    return id
  },
  'role.missing': async ({ call }, { user: { id }, access_token: token }) => {
    await call('GET', '/staff', { token })
    return id
  },
  'password.wrong': async ({ call }, { user: { id }, access_token: token }) => {
    await call('DELETE', '/me', { token, body: { password: newPassword } })
    return id
  },
  'password.changed': async ({ call }, { user: { id }, access_token: token }) => {
    await call('POST', '/password/change', {
      token,
      body: { current_password: goodPassword, new_password: newPassword },
    })
    return id
  },
  'password.reset_requested': async ({ call }, { user: { email } }) => {
    await call('POST', '/password/forgot', { body: { email } })
    return null
  },
  'password.reset': async ({ call, nextMail }, { user: { id, email } }) => {
    await call('POST', '/password/forgot', { body: { email } })
    const token = tokenOf(await nextMail(email, 'Reset your'))
    await call('POST', '/password/reset', { body: { token, new_password: newPassword } })
    return id
  },
  'link.refused': async ({ call }, { refresh_token: token }) => {
    await call('POST', '/email/verify', { body: { token } })
    return null
  },
  'email.verification_requested': async ({ call }, { user: { email } }) => {
    await call('POST', '/email/resend', { body: { email } })
    return null
  },
  'email.verified': async ({ call, nextMail }, { user: { id, email } }) => {
    const token = tokenOf(await nextMail(email, 'Confirm'))
    await call('POST', '/email/verify', { body: { token } })
    return id
  },
  'email.change_requested': async (built, person) => {
    await changeAddress(built, person)
    return person.user.id
  },
  'email.changed': async (built, person) => {
    await built.call('POST', '/email/change/confirm', {
      token: person.access_token,
      body: { token: await changeAddress(built, person) },
    })
    return person.user.id
  },
  'email.taken': async (built, person) => {
    const token = await changeAddress(built, person)
    await built.signup({ email: `new-${person.user.email}` })
    await built.call('POST', '/email/change/confirm', {
      token: person.access_token,
      body: { token },
    })
    return person.user.id
  },
  'email.undone': async (built, person) => {
    // Only an address that was verified can take the account back.
    await built.call('POST', '/email/verify', {
      body: { token: tokenOf(await built.nextMail(person.user.email, 'Confirm')) },
    })
    await built.call('POST', '/email/change/confirm', {
      token: person.access_token,
      body: { token: await changeAddress(built, person) },
    })
    const token = tokenOf(await built.nextMail(person.user.email, 'Your e-mail'))
    await built.call('POST', '/email/undo', { body: { token } })
    return person.user.id
  },
  'login.ended': async ({ call }, { user: { id }, access_token: token }) => {
    await call('POST', '/logout', { token })
    return id
  },
  'sessions.ended': async ({ call }, { user: { id }, access_token: token }) => {
    await call('POST', '/logout/everywhere', { token })
    return id
  },
  'account.deleted': async ({ call }, { user: { id }, access_token: token }) => {
    await call('DELETE', '/me', { token, body: { password: goodPassword } })
    return id
  },
  'admin.user_created': act('POST', '/admin/users', {
    email: 'created@example.org',
    password: goodPassword,
  }),
  'admin.user_invited': act('POST', '/admin/users', { email: 'guest@example.org', invite: true }),
  'admin.user_changed': act('PATCH', '/admin/users/:id', { name: 'Secret', claims: { a: 1 } }),
  'admin.roles_changed': act('PATCH', '/admin/users/:id', { roles: ['editor'] }),
  'admin.user_logged_out': act('POST', '/admin/users/:id/logout'),
  'admin.user_deleted': act('DELETE', '/admin/users/:id'),
  'request.cross_site': async ({ call }, { user: { id }, access_token: token }) => {
    await call('PATCH', '/me', {
      body: { name: null },
      headers: { cookie: `latchkey=${token}`, origin: 'https://evil.example' },
    })
    return id
  },
  'proof.refused': async ({ call }, { user: { email } }) => {
    await call('POST', '/login', {
      body: { email, password: goodPassword },
      headers: { dpop: 'not-a-proof' },
    })
    return null
  },
  'client.token_issued': async (built) => {
    const { create, tokenOf } = createMachineFlow(built)
    const machine = await create('users:read')
    await tokenOf(machine)
    return machine.id
  },
  'client.refused': async (built) => {
    const { create, requestToken } = createMachineFlow(built)
    const { id } = await create()
    await requestToken({ id, secret: 'Secret' })
    return id
  },
  'scope.missing': async (built) => {
    const { create, tokenOf } = createMachineFlow(built)
    const machine = await create('users:write')
    await built.call('GET', '/admin/users', { token: await tokenOf(machine) })
    return machine.id
  },
  'limit.hit': async ({ call }) => {
    for (let times = 0; times < 6; times++)
      await call('POST', '/password/forgot', { body: { email: 'many@example.org' } })
    return null
  },
}

t.test('each event is one line with the account and the request, and nothing secret', async (t) => {
  const built = await buildTestApp(t, {
    beforeReady: (app) => {
      app.get('/staff', { config: { roles: ['admin'] } }, async () => ({}))
    },
  })
  for (const [event, run] of Object.entries(scenarios)) {
    const person = await built.signup({ name: 'Secret Name' })
    const account = await run(built, person)
    const lines = built.log()
    const request = lines.at(-1)
    const line = lines.at(-2)
    t.strictSame(
      {
        level: line?.level,
        event: line?.event,
        account: line?.account,
        msg: line?.msg,
        request_id: line?.request_id,
      },
      { level: 30, event, account, msg: 'audit', request_id: request?.request_id },
      event,
    )
    const { token_type: tokenType, ...rest } = line ?? {}
    t.ok([undefined, 'Bearer', 'Cookie', 'DPoP'].includes(tokenType as string), event)
    t.strictSame(Object.keys(rest), [
      'level',
      'time',
      'pid',
      'hostname',
      'request_id',
      'event',
      'account',
      ...(event.startsWith('admin.') ? ['actor'] : []),
      'msg',
    ])
    t.equal(request?.msg, 'request')
    t.equal(
      lines.filter(({ msg, request_id: id }) => msg === 'audit' && id === request?.request_id)
        .length,
      1,
      'and no other line of that request',
    )
  }
  t.notMatch(built.logText(), /@|eyJ|\$argon2|Secret|lantern|kettle/)
})

t.test('the same with settings that change who may log in', async (t) => {
  const events = ({ log }: TestApp) =>
    log()
      .filter(({ msg }) => msg === 'audit')
      .map(({ event, account }) => [event, account])
  const person = { email: 'ada@example.org', password: goodPassword }
  const first = await buildTestApp(t, { env: ofSettings['signup.requested'] })
  await first.call('POST', '/signup', { body: person })
  const { user } = (
    await first.call('POST', '/email/verify', {
      body: { token: tokenOf(await first.nextMail(person.email, '')) },
    })
  ).json()
  t.strictSame(events(first), [
    ['signup.requested', null],
    ['signup.ok', user.id],
  ])

  const strict = await buildTestApp(t, { env: ofSettings['login.unverified'] })
  const {
    user: { id },
  } = await strict.signup(person)
  await strict.call('POST', '/login', { body: person })
  t.strictSame(events(strict), [
    ['signup.ok', id],
    ['login.unverified', id],
  ])
})

t.test('an account that is not known is not named', async (t) => {
  const { call, log, signup } = await buildTestApp(t)
  await signup()
  await call('POST', '/login', { body: { email: 'nobody@example.org', password: goodPassword } })
  await call('POST', '/refresh', { body: { refresh_token: 'x' } })
  await call('GET', '/me', { token: 'x' })
  await call('GET', '/me')
  await call('GET', '/nowhere')
  t.strictSame(
    log()
      .filter(({ msg }) => msg === 'audit')
      .slice(1)
      .map(({ event, account }) => [event, account]),
    [
      ['login.failed', null],
      ['refresh.refused', null],
      ['token.refused', null],
    ],
  )
})

t.test('docs/operations.md lists exactly the events', async (t) => {
  const text = await projectFile('docs/operations.md')
  const rows = [...text.matchAll(/^\| `([a-z]+\.[a-z_]+)` \| (.+?) \|/gm)].map(
    ([, event, meaning]) => [event, meaning],
  )
  t.strictSame(rows, [
    ...Object.entries(auditEvents),
    ['keys.changed', 'changed keys of the key file are in use'],
  ])
})
