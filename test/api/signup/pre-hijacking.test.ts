import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, problem } from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { refusedRefresh } from '../../support/forger.js'

const email = 'victim@example.org'
const attackers = 'attackers-grand-plan-of-today'
const victims = goodPassword
// Whoever comes first with the address of somebody else must have nothing once its owner proves it
// (GHSA-qq9h-g4jm-xgf3 and others).
await onEachDatabase(t, async (t, database) => {
  await t.test('verify_first: the owner signs up later and proves the address', async (t) => {
    const { call, nextMail, stored } = await buildTestApp(t, {
      database,
      env: { SIGNUP_MODE: 'verify_first', RATE_LIMITS: 'off' },
    })
    const ask = async (password: string, name: string) => {
      t.equal((await call('POST', '/signup', { body: { email, password, name } })).statusCode, 202)
      return tokenOf(await nextMail(email, 'Finish'))
    }
    const verify = async (token: string) => await call('POST', '/email/verify', { body: { token } })
    const pending = await ask(attackers, 'Mallory')
    const own = await ask(victims, 'Ada')
    const again = await ask(attackers, 'Mallory')
    const { access_token: access, refresh_token: refresh, user } = (await verify(own)).json()
    for (const token of [pending, again])
      problem(t, await verify(token), 400, 'invalid_one_time_token')
    problem(
      t,
      await call('POST', '/login', { body: { email, password: attackers } }),
      401,
      'invalid_credentials',
    )
    t.equal(
      (await call('POST', '/signup', { body: { email, password: attackers } })).statusCode,
      202,
      'nor does another try help',
    )
    await nextMail(email, 'You already have an account')
    t.strictSame((await call('GET', '/me', { token: access })).json(), user)
    t.match(user, { email, name: 'Ada', email_verified: true })
    t.equal((await call('POST', '/refresh', { body: { refresh_token: refresh } })).statusCode, 200)
    t.equal((await call('POST', '/login', { body: { email, password: victims } })).statusCode, 200)
    const emails = (await stored.rows()).map((row) => row.email)
    t.strictSame(emails, [email], 'the one account')
  })

  await t.test('instant: the owner asks for a new password', async (t) => {
    const { call, signup, nextMail, stored, time } = await buildTestApp(t, { database })
    const first = await signup({ email, password: attackers })
    const verification = tokenOf(await nextMail(email, 'Confirm'))
    const second = (await call('POST', '/login', { body: { email, password: attackers } })).json()
    const refreshed = (
      await call('POST', '/refresh', { body: { refresh_token: second.refresh_token } })
    ).json()
    const forgot = async () => {
      t.equal((await call('POST', '/password/forgot', { body: { email } })).statusCode, 202)
      return tokenOf(await nextMail(email, 'Reset'))
    }
    const changed = await call('POST', '/email/change', {
      token: second.access_token,
      body: { new_email: 'mallory@evil.example', password: attackers },
    })
    t.equal(changed.statusCode, 202)
    const change = tokenOf(await nextMail('mallory@evil.example', 'Confirm your new'))
    const reset = await forgot()
    const own = await forgot()
    t.equal(
      (await call('POST', '/password/reset', { body: { token: own, new_password: victims } }))
        .statusCode,
      204,
    )

    const before = await stored.rows()
    for (const { refresh_token: token } of [first, second, refreshed])
      refusedRefresh(
        t,
        'a refresh token',
        await call('POST', '/refresh', { body: { refresh_token: token } }),
      )
    for (const token of [reset, own])
      problem(
        t,
        await call('POST', '/password/reset', { body: { token, new_password: `${attackers}-2` } }),
        400,
        'invalid_one_time_token',
      )
    problem(
      t,
      await call('POST', '/email/change/confirm', { body: { token: change, password: attackers } }),
      400,
      'invalid_one_time_token',
    )
    problem(
      t,
      await call('POST', '/login', { body: { email, password: attackers } }),
      401,
      'invalid_credentials',
    )
    // What is left of an access token, until it ends, changes nothing that matters.
    const { access_token: token } = refreshed
    problem(
      t,
      await call('POST', '/password/change', {
        token,
        body: { current_password: attackers, new_password: `${attackers}-2` },
      }),
      403,
      'wrong_password',
    )
    problem(
      t,
      await call('POST', '/email/change', {
        token,
        body: { new_email: 'mallory@evil.example', password: attackers },
      }),
      403,
      'wrong_password',
    )
    problem(
      t,
      await call('DELETE', '/me', { token, body: { password: attackers } }),
      403,
      'wrong_password',
    )
    t.equal(
      (await call('POST', '/email/verify', { body: { token: verification } })).statusCode,
      200,
      'the link to verify may be used again',
    )
    t.strictSame(await stored.rows(), before, 'and nothing of all this has changed anything')
    time.now += 631_000
    problem(t, await call('GET', '/claims', { token }), 401, 'invalid_token')
    t.equal((await call('POST', '/login', { body: { email, password: victims } })).statusCode, 200)
  })
})
