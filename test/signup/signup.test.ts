import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, problem } from '../helper.js'

await onEachDatabase(t, async (t, database) => {
  const { call } = await buildTestApp(t, { database })
  const reply = await call('POST', '/signup', { body: { email: ' Ada@Example.ORG ', password: goodPassword } })
  t.equal(reply.statusCode, 201, reply.body)
  problem(t, await call('POST', '/signup', { body: { email: 'ada@example.org', password: goodPassword } }), 409, 'email_taken')
})
