import t from 'tap'
import { createEmailFlow, freshEmail } from '../support/email-flow.js'
import { refusedRefresh } from '../support/forger.js'
import { buildTestApp, goodPassword, onEachDatabase, problem } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'

// What an attacker once had, what the owner then does, and what must hold for ever after.
const stolen = goodPassword
const [thiefs, owners] = ['copper-pots-beneath-the-eaves', 'seven-green-kettles-whistle']

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time, nextMail, store } = test
  const { post, signupVerified, ask, confirm, move, undo, login, recover } = createEmailFlow(test)
  const loginReply = async (email: string, password: string) =>
    (await post('/login', { email, password })).json<{
      access_token: string
      refresh_token: string
    }>()
  const forgot = async (email: string) => {
    await post('/password/forgot', { email })
    return tokenOf(await nextMail(email, 'Reset'))
  }

  await t.test(
    'the password, and the address was moved twice: the owner takes the account back for good',
    async (t) => {
      const { user } = await signupVerified()
      const [first, second] = [freshEmail(), freshEmail()]
      const thief = await loginReply(user.email, stolen)
      const ownersLink = await move(thief.access_token, user.email, first, stolen)
      time.now += 3_600_000
      const { access_token: access } = await loginReply(first, stolen)
      await call('POST', '/password/change', {
        token: access,
        body: { current_password: stolen, new_password: thiefs },
      })
      const thiefsLink = await move(access, first, second, thiefs)
      const reset = await forgot(second)
      const change = await ask(access, freshEmail(), thiefs)
      const late = await loginReply(second, thiefs)

      await recover(ownersLink, owners)
      const owner = await loginReply(user.email, owners)
      t.equal(
        (await call('POST', '/logout/everywhere', { token: owner.access_token })).statusCode,
        204,
      )

      problem(t, await undo(thiefsLink), 400, 'invalid_one_time_token')
      problem(
        t,
        await post('/password/reset', { token: reset, new_password: thiefs }),
        400,
        'invalid_one_time_token',
      )
      problem(t, await confirm(change, { password: thiefs }), 400, 'invalid_one_time_token')
      problem(
        t,
        await confirm(change, { access: late.access_token }),
        400,
        'invalid_one_time_token',
      )
      for (const { refresh_token: token } of [thief, late])
        refusedRefresh(t, 'a refresh token', await post('/refresh', { refresh_token: token }))
      for (const email of [user.email, first, second])
        for (const password of [stolen, thiefs]) t.equal(await login(email, password), 401, email)
      for (const [url, body] of [
        ['/me', { password: thiefs }],
        ['/me', { password: stolen }],
      ] as const) {
        problem(
          t,
          await call('DELETE', url, { token: late.access_token, body }),
          403,
          'wrong_password',
        )
      }
      for (const email of [first, second]) {
        await post('/password/forgot', { email })
        await post('/email/resend', { email })
      }
      t.equal(await login(user.email, owners), 200)
      // Seven days later too: the thief's link was issued after the owner's and ends later.
      time.now += 7 * 86_400_000 - 60_000
      problem(t, await undo(thiefsLink), 400, 'invalid_one_time_token')
      t.match(await store.accounts.findById(user.id), { email: user.email })
      t.equal(await login(user.email, owners), 200)
    },
  )

  await t.test(
    'the password, and the address was moved: an owner who moves it back by hand leaves the thief no link',
    async (t) => {
      const { user } = await signupVerified()
      const address = freshEmail()
      const thief = await loginReply(user.email, stolen)
      await move(thief.access_token, user.email, address, stolen)
      const { access_token: access } = await loginReply(address, stolen)
      const thiefsLink = await move(access, address, user.email, stolen)
      const owner = await loginReply(user.email, stolen)
      await call('POST', '/password/change', {
        token: owner.access_token,
        body: { current_password: stolen, new_password: owners },
      })
      time.now += 6 * 86_400_000
      problem(t, await undo(thiefsLink), 400, 'invalid_one_time_token')
      t.strictSame([await login(user.email, owners), await login(user.email, stolen)], [200, 401])
    },
  )

  await t.test(
    'the password, and the freed address was signed up: the owner has the same account back',
    async (t) => {
      const { user } = await signupVerified()
      const thief = await loginReply(user.email, stolen)
      const ownersLink = await move(thief.access_token, user.email, freshEmail(), stolen)
      time.now += 1000
      const squatter = await signup({ email: user.email, password: thiefs })
      await recover(ownersLink, owners)
      const { access_token: access } = await loginReply(user.email, owners)
      t.match((await call('GET', '/me', { token: access })).json(), {
        id: user.id,
        email: user.email,
      })
      refusedRefresh(
        t,
        'of the squatter',
        await post('/refresh', { refresh_token: squatter.refresh_token }),
      )
      t.equal(await login(user.email, thiefs), 401)
    },
  )

  await t.test(
    'a verified account, moved to the address of a victim who clicks: the victim has not adopted it',
    async (t) => {
      const attacker = await signupVerified()
      const victim = await signup()
      const address = freshEmail()
      const link = await ask(attacker.access_token, address)
      // What a click sends: nothing, the login of the victim's own account, or the victim's password.
      problem(t, await confirm(link, {}), 401, 'missing_token')
      problem(t, await confirm(link, { access: victim.access_token }), 401, 'missing_token')
      problem(t, await confirm(link, { password: owners }), 403, 'wrong_password')
      t.match((await call('GET', '/me', { token: attacker.access_token })).json(), {
        email: attacker.user.email,
      })
      t.equal(
        (await signup({ email: address })).user.email,
        address,
        'the address is free for an account of the victim',
      )
    },
  )

  await t.test(
    'the mailbox, for an hour: what was asked for in that hour is dead after a new password and a new address',
    async (t) => {
      const { access_token: access, user } = await signupVerified()
      const asked = { reset: await forgot(user.email), again: await forgot(user.email) }
      await post('/email/resend', { email: user.email })
      time.now += 600_000
      const { access_token: fresh } = (
        await call('POST', '/password/change', {
          token: access,
          body: { current_password: goodPassword, new_password: owners },
        })
      ).json()
      await move(fresh, user.email, freshEmail(), owners)
      for (const token of Object.values(asked))
        problem(
          t,
          await post('/password/reset', { token, new_password: thiefs }),
          400,
          'invalid_one_time_token',
        )
      t.equal(await login(user.email, goodPassword), 401)
    },
  )

  await t.test(
    'the mailbox, for an hour, in which the password was reset and another address asked for',
    async (t) => {
      const { user } = await signupVerified()
      await post('/password/reset', { token: await forgot(user.email), new_password: thiefs })
      const thief = await loginReply(user.email, thiefs)
      const change = await ask(thief.access_token, freshEmail(), thiefs)
      await post('/password/reset', { token: await forgot(user.email), new_password: owners })
      const { access_token: access } = await loginReply(user.email, owners)
      const moved = freshEmail()
      await move(access, user.email, moved, owners)
      for (const proof of [{ password: thiefs }, { access: thief.access_token }])
        problem(t, await confirm(change, proof), 400, 'invalid_one_time_token')
      refusedRefresh(
        t,
        'of the thief',
        await post('/refresh', { refresh_token: thief.refresh_token }),
      )
      t.strictSame([await login(moved, owners), await login(user.email, thiefs)], [200, 401])
    },
  )
})
