import { mock } from 'node:test'
import t from 'tap'
import { limits } from '../../src/limits/table.js'
import { buildTestApp, frozenNow, outcome } from '../helper.js'
import { createAdminFlow } from '../support/admins.js'

mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

t.test('the admin API has 600 calls a minute for one admin, over all routes', async (t) => {
  const built = await buildTestApp(t)
  const { call } = built
  const { admin } = createAdminFlow(built)
  const [one, two] = [await admin(), await admin()]
  const paths = ['/admin/users?limit=1', '/admin/audit', `/admin/users/${one.id}`]
  for (let index = 0; index < limits['admin-account'].calls; index++)
    await call('GET', String(paths[index % 3]), { token: one.token })
  for (const path of paths)
    t.equal(outcome(await call('GET', path, { token: one.token })), '429 rate_limited', path)
  const refused = await call('POST', '/admin/users', {
    token: one.token,
    body: { email: 'a@example.org', invite: true },
  })
  t.equal(refused.headers['ratelimit-policy'], '"admin-account";q=600;w=60')
  t.equal((await call('GET', String(paths[0]), { token: two.token })).statusCode, 200)
})

t.test('300 colleagues can be invited; a thief reaches the limit', async (t) => {
  const built = await buildTestApp(t)
  const { call } = built
  const { admin } = createAdminFlow(built)
  const [one, two] = [await admin(), await admin()]
  const { calls } = limits['admin-creations']
  t.ok(calls > 300)
  let number = 0
  const send = async (token: string) => {
    for (;;) {
      const body = { email: `guest${number}@example.org`, invite: true }
      const reply = await call('POST', '/admin/users', { token, body })
      if (reply.statusCode !== 503) {
        number++
        return reply
      }
    }
  }
  for (let index = 0; index < calls; index++)
    if ((await send(one.token)).statusCode !== 201) t.fail(`invitation ${index}`)
  const refused = await send(one.token)
  t.equal(refused.headers['ratelimit-policy'], `"admin-creations";q=${calls};w=3600`)
  t.equal(outcome(refused), '429 rate_limited')
  t.equal((await send(two.token)).statusCode, 201)
  const bad = await call('POST', '/admin/users', { token: two.token, body: { email: 'x' } })
  t.equal(bad.statusCode, 400)
})

t.test('other addresses of one account send no more mails than new accounts', async (t) => {
  const built = await buildTestApp(t)
  const { call, signup } = built
  const { admin } = createAdminFlow(built)
  const { token } = await admin()
  const { user } = await signup()
  const patch = async (body: object) =>
    await call('PATCH', `/admin/users/${user.id}`, { token, body })
  const { calls } = limits['admin-creations']
  for (let index = 0; index < calls; index++)
    if ((await patch({ email: `guest${index}@example.org` })).statusCode !== 200)
      t.fail(`address ${index}`)
  const refused = await patch({ email: 'one-more@example.org' })
  t.strictSame(
    [outcome(refused), refused.headers['ratelimit-policy']],
    ['429 rate_limited', `"admin-creations";q=${calls};w=3600`],
  )
  t.equal((await patch({ name: 'Ada' })).statusCode, 200, 'other members do not count')
})

t.test('one mailbox gets mails of 20 acts of admins an hour', async (t) => {
  const built = await buildTestApp(t)
  const { call, signup } = built
  const { admin } = createAdminFlow(built)
  const [one, two] = [await admin(), await admin()]
  const { user } = await signup()
  const { calls } = limits['admin-mailbox']
  const invite = async (token: string, email: string) =>
    await call('POST', '/admin/users', { token, body: { email, invite: true } })
  for (let index = 0; index < calls - 2; index++) {
    const reply = await invite(index % 2 === 0 ? one.token : two.token, `vic+${index}@example.net`)
    t.equal(reply.statusCode, 201)
    await call('DELETE', `/admin/users/${reply.json().id}`, { token: one.token })
  }
  const move = async (email: string) =>
    await call('PATCH', `/admin/users/${user.id}`, { token: one.token, body: { email } })
  t.equal((await move('vic@example.net')).statusCode, 200)
  t.equal((await move('vic+x@example.net')).statusCode, 200)
  const policy = `"admin-mailbox";q=${calls};w=3600`
  for (const reply of [await invite(two.token, 'vic@example.net'), await move('vic+y@example.net')])
    t.strictSame([outcome(reply), reply.headers['ratelimit-policy']], ['429 rate_limited', policy])
  t.equal((await invite(two.token, 'other@example.net')).statusCode, 201)
  t.equal(
    (await signup({ email: 'vic@example.net' })).user.email,
    'vic@example.net',
    'sign-ups count apart',
  )
})
