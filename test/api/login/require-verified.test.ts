import argon2 from 'argon2'
import t from 'tap'
import { buildTestApp, goodPassword, headerNames, onEachDatabase, problem } from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { refusedRefresh } from '../../support/forger.js'

await onEachDatabase(t, async (t, database) => {
  const { call, signup, nextMail, stored, time } = await buildTestApp(t, {
    database,
    env: { REQUIRE_VERIFIED_EMAIL: 'on' },
  })
  const login = async (email: string, password = goodPassword) =>
    await call('POST', '/login', { body: { email, password } })
  const refresh = async (token: string) =>
    await call('POST', '/refresh', { body: { refresh_token: token } })

  await t.test('an account that is not verified has the life of one access token', async (t) => {
    const { user, access_token: access, refresh_token: token } = await signup()
    const before = await stored.row(user.id)
    t.equal((await call('GET', '/claims', { token: access })).statusCode, 200)
    const hashes = t.capture(argon2, 'verify', argon2.verify)
    const body = problem(t, await login(user.email), 403, 'email_unverified')
    t.match(body.detail, /POST \/email\/resend/)
    t.notMatch(JSON.stringify(body), /token|@/)
    t.equal(hashes().length, 1)
    const [wrong, unknown] = [await login(user.email, 'wrong'), await login('nobody@example.org')]
    t.equal(hashes().length, 2, 'the same work for each')
    for (const reply of [wrong, unknown]) problem(t, reply, 401, 'invalid_credentials')
    t.strictSame(headerNames(wrong), headerNames(unknown))
    refusedRefresh(t, 'no refresh', await refresh(token))
    const change = async (current: string) =>
      await call('POST', '/password/change', {
        token: access,
        body: { current_password: current, new_password: `${goodPassword}-2` },
      })
    problem(t, await change(goodPassword), 403, 'email_unverified')
    problem(t, await change('wrong'), 403, 'wrong_password')
    t.strictSame(await stored.row(user.id), before, 'nothing has changed')
    time.now += 631_000
    problem(t, await call('GET', '/claims', { token: access }), 401, 'invalid_token')

    t.equal(
      (
        await call('POST', '/email/verify', {
          body: { token: tokenOf(await nextMail(user.email, 'Confirm')) },
        })
      ).statusCode,
      200,
    )
    t.equal((await login(user.email)).json().user.email_verified, true)
    t.equal(
      (await refresh(token)).json().user.email_verified,
      true,
      'the tokens of the sign-up go on',
    )
    t.equal((await stored.row(user.id))?.token_epoch, before?.token_epoch)
  })

  await t.test('each way to prove the address opens the account', async (t) => {
    const ways: Record<string, (email: string, access: string) => Promise<string>> = {
      'the mail that is sent again': async (email) => {
        await call('POST', '/email/resend', { body: { email } })
        await nextMail(email, 'Confirm')
        await call('POST', '/email/verify', {
          body: { token: tokenOf(await nextMail(email, 'Confirm')) },
        })
        return email
      },
      'a new password': async (email) => {
        await call('POST', '/password/forgot', { body: { email } })
        await call('POST', '/password/reset', {
          body: { token: tokenOf(await nextMail(email, 'Reset')), new_password: goodPassword },
        })
        return email
      },
      'another address': async (email, token) => {
        const other = `other-${email}`
        await call('POST', '/email/change', {
          token,
          body: { new_email: other, password: goodPassword },
        })
        await call('POST', '/email/change/confirm', {
          token,
          body: { token: tokenOf(await nextMail(other, 'Confirm your new')) },
        })
        return other
      },
    }
    for (const [name, prove] of Object.entries(ways)) {
      const { user, access_token: access } = await signup()
      problem(t, await login(user.email), 403, 'email_unverified')
      t.equal((await login(await prove(user.email, access))).statusCode, 200, name)
    }
  })

  await t.test('that an account is disabled comes first', async (t) => {
    const { user } = await signup()
    await stored.disable(user.id)
    problem(t, await login(user.email), 403, 'account_disabled')
  })
})

t.test('off, nobody is asked', async (t) => {
  const { call, signup } = await buildTestApp(t)
  const { user, access_token: token, refresh_token: refreshToken } = await signup()
  t.equal(
    (await call('POST', '/login', { body: { email: user.email, password: goodPassword } })).json()
      .user.email_verified,
    false,
  )
  t.equal(
    (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode,
    200,
  )
  t.equal(
    (
      await call('POST', '/password/change', {
        token,
        body: { current_password: goodPassword, new_password: `${goodPassword}-2` },
      })
    ).statusCode,
    200,
  )
})
