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
