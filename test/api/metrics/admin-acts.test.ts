import t from 'tap'
import { buildTestApp } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'

t.test('the acts of admins are counted by event', async (t) => {
  const test = await buildTestApp(t, { env: { METRICS: 'on' } })
  const { token } = await createAdminFlow(test).admin()
  for (const email of ['ada@example.org', 'bob@example.org'])
    await test.call('POST', '/admin/users', { token, body: { email, invite: true } })
  t.match(
    (await test.call('GET', '/metrics')).body,
    'latchkey_admin_acts_total{event="admin.user_invited"} 2',
  )
})
