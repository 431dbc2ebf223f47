import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, problem } from '../helper.js'

// PostgreSQL refuses NUL in text, and drivers turn a lone surrogate into U+FFFD: neither may come
// as far as the database.
await onEachDatabase(t, async (t, database) => {
  const { call, signup } = await buildTestApp(t, { database })
  const { access_token: token, user } = await signup({ name: 'Ada' })
  for (const broken of ['\0', '\ud800', '\udc00', '\ud83d\0\ude00']) {
    for (const email of [
      `a${broken}b@example.org`,
      `a@exa${broken}mple.org`,
      `${broken}`.repeat(3),
    ]) {
      problem(
        t,
        await call('POST', '/signup', { body: { email, password: goodPassword } }),
        400,
        'invalid_request',
      )
      problem(
        t,
        await call('POST', '/login', { body: { email, password: goodPassword } }),
        400,
        'invalid_request',
      )
    }
    problem(
      t,
      await call('POST', '/signup', {
        body: { email: 'a@example.org', password: goodPassword, name: `a${broken}b` },
      }),
      400,
      'invalid_request',
    )
    problem(
      t,
      await call('PATCH', '/me', { token, body: { name: `a${broken}b` } }),
      400,
      'invalid_request',
    )
  }
  t.strictSame((await call('GET', '/me', { token })).json(), user, 'and nothing was changed')

  const password = `${goodPassword}\0and more`
  await signup({ email: 'nul@example.org', password })
  t.equal(
    (await call('POST', '/login', { body: { email: 'nul@example.org', password } })).statusCode,
    200,
  )
  problem(
    t,
    await call('POST', '/login', { body: { email: 'nul@example.org', password: goodPassword } }),
    401,
    'invalid_credentials',
  )
  problem(
    t,
    await call('POST', '/login', {
      body: { email: 'nul@example.org', password: `${goodPassword}\ud800` },
    }),
    401,
    'invalid_credentials',
  )
  problem(
    t,
    await call('POST', '/signup', {
      body: { email: 'b@example.org', password: `${goodPassword}\ud800` },
    }),
    400,
    'invalid_request',
  )
})
