import { randomUUID } from 'node:crypto'
import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, problem } from '../helper.js'

// What an attacker once had, then what the owner does, and what must hold for ever after: stories
// of the threat model.
await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time, nextMail, store } = test
  const next = 'copper-kettle-beside-the-hearth'

  await t.test('an attacker has an access token; the owner changes the password', async (t) => {
    time.now += 1000
    const owner = await signup()
    const stolen = owner.access_token
    const changed = await call('POST', '/password/change', {
      token: stolen,
      body: { current_password: goodPassword, new_password: next },
    })
    t.equal(changed.statusCode, 200)
    t.equal(
      (await call('GET', '/me', { token: stolen })).statusCode,
      200,
      'it does what it could before',
    )
    problem(
      t,
      await call('POST', '/refresh', { body: { refresh_token: stolen } }),
      401,
      'invalid_refresh_token',
    )
    for (const password of [goodPassword, 'wrong']) {
      problem(
        t,
        await call('POST', '/email/change', {
          token: stolen,
          body: { new_email: `${randomUUID()}@evil.example`, password },
        }),
        403,
        'wrong_password',
      )
      problem(
        t,
        await call('POST', '/password/change', {
          token: stolen,
          body: { current_password: password, new_password: `${next}-2` },
        }),
        403,
        'wrong_password',
      )
      problem(
        t,
        await call('DELETE', '/me', { token: stolen, body: { password } }),
        403,
        'wrong_password',
      )
    }
    await nextMail(owner.user.email, 'Your password')
    time.now += (600 + 30) * 1000
    for (const [method, path] of [
      ['GET', '/claims'],
      ['GET', '/me'],
      ['POST', '/logout/everywhere'],
    ] as const)
      problem(t, await call(method, path, { token: stolen }), 401, 'invalid_token')
    t.equal(
      (await call('POST', '/login', { body: { email: owner.user.email, password: next } }))
        .statusCode,
      200,
      'the owner logs in',
    )
    t.match(
      await store.accounts.findByEmail(owner.user.email),
      { id: owner.user.id },
      'with the address of before',
    )
  })

  for (const [does, act] of [
    [
      'logs out everywhere',
      async (token: string) => await call('POST', '/logout/everywhere', { token }),
    ],
    [
      'changes the password',
      async (token: string) =>
        await call('POST', '/password/change', {
          token,
          body: { current_password: goodPassword, new_password: next },
        }),
    ],
  ] as const) {
    await t.test(`an attacker has a refresh token; the owner ${does}`, async (t) => {
      const owner = await signup()
      const stolen = owner.refresh_token
      // The attacker has used it: what it gave dies too.
      const used = (await call('POST', '/refresh', { body: { refresh_token: stolen } })).json<{
        access_token: string
        refresh_token: string
      }>()
      t.ok((await act(owner.access_token)).statusCode < 300)
      for (const token of [stolen, used.refresh_token])
        problem(
          t,
          await call('POST', '/refresh', { body: { refresh_token: token } }),
          401,
          'invalid_refresh_token',
        )
      time.now += (600 + 30) * 1000
      problem(t, await call('GET', '/claims', { token: used.access_token }), 401, 'invalid_token')
      for (const token of [stolen, used.refresh_token])
        problem(
          t,
          await call('POST', '/refresh', { body: { refresh_token: token } }),
          401,
          'invalid_refresh_token',
        )
    })
  }
})
