import t from 'tap'
import { unusableHash } from '../../src/unusable-hash.js'
import { buildTestApp, goodPassword, onEachDatabase, outcome, problem } from '../helper.js'
import { isErased } from '../support/accounts.js'
import { createEmailFlow, freshEmail } from '../support/email-flow.js'
import { tokenOf } from '../support/mailbox.js'

const next = `${goodPassword}-next`

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, stored, nextMail, store, time } = test
  const { post, signupVerified, ask, confirm, move, undo, login } = createEmailFlow(test)
  const forgot = async (email: string) => {
    await post('/password/forgot', { email })
    return tokenOf(await nextMail(email, /password/i), '/password/reset')
  }
  const giveRole = async (id: string, roles = '["admin"]') => {
    const account = await store.accounts.findById(id)
    if (account === null) throw new Error('gone')
    await store.accounts.change(account, { roles }, { keepAdmin: false })
  }

  await t.test(
    'no token and no link of a deleted account works, also when its address is used again',
    async (t) => {
      const first = `${crypto.randomUUID()}@example.org`
      const { access_token: access, refresh_token: refresh, user } = await signup({ email: first })
      const verify = tokenOf(await nextMail(first, 'Confirm your e-mail'))
      await post('/email/verify', { token: verify })
      const email = freshEmail()
      const back = await move(access, first, email)
      const change = await ask(access, freshEmail())
      const reset = await forgot(email)
      const reply = await call('DELETE', '/me', { token: access, body: { password: goodPassword } })
      t.equal(reply.statusCode, 204)
      isErased(t, await stored.row(user.id))

      const allRefused = async (name: string) => {
        const outcomes = {
          me: outcome(await call('GET', '/me', { token: access })),
          rename: outcome(await call('PATCH', '/me', { token: access, body: { name: 'x' } })),
          again: outcome(
            await call('DELETE', '/me', { token: access, body: { password: goodPassword } }),
          ),
          refresh: outcome(await post('/refresh', { refresh_token: refresh })),
          everywhere: outcome(await call('POST', '/logout/everywhere', { token: access })),
          password: outcome(
            await post(
              '/password/change',
              { current_password: goodPassword, new_password: next },
              access,
            ),
          ),
          resend: outcome(await post('/email/resend', { email: first })),
          verify: outcome(await post('/email/verify', { token: verify })),
          change: outcome(await confirm(change)),
          undo: outcome(await undo(back)),
          reset: outcome(await post('/password/reset', { token: reset, new_password: next })),
        }
        t.strictSame(
          outcomes,
          {
            me: '401 invalid_token',
            rename: '401 invalid_token',
            again: '401 invalid_token',
            refresh: '401 invalid_refresh_token',
            everywhere: '401 invalid_token',
            password: '401 invalid_token',
            resend: '202',
            verify: '400 invalid_one_time_token',
            change: '400 invalid_one_time_token',
            undo: '400 invalid_one_time_token',
            reset: '400 invalid_one_time_token',
          },
          name,
        )
      }
      await allRefused('deleted')
      t.equal(await login(email), 401)
      const again = await signup({ email })
      t.not(again.user.id, user.id)
      await allRefused('its address has another account')
      t.equal(outcome(await call('GET', '/me', { token: again.access_token })), '200')
    },
  )

  await t.test('forgot and a login with the erased address do nothing', async (t) => {
    const { access_token: token, user } = await signupVerified()
    await call('DELETE', '/me', { token, body: { password: goodPassword } })
    const row = await stored.row(user.id)
    for (const email of [user.email, `deleted:${user.id}`, `deleted:${user.id}@example.org`]) {
      const status = email === user.email ? [202, 401] : [400, 400]
      t.strictSame(
        [(await post('/password/forgot', { email })).statusCode, await login(email)],
        status,
        email,
      )
    }
    t.strictSame(await stored.row(user.id), row)
  })

  await t.test('an undo never deletes an account that has a role', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const back = await move(access, user.email, freshEmail())
    const other = await signup({ email: user.email })
    await giveRole(other.user.id, '["editor"]')
    problem(t, await undo(back), 409, 'email_taken')
    t.equal(outcome(await call('GET', '/me', { token: other.access_token })), '200')
    await giveRole(other.user.id, '[]')
    t.equal((await undo(back)).statusCode, 200, 'the link is still valid')
    isErased(t, await stored.row(other.user.id))
    problem(t, await call('GET', '/me', { token: other.access_token }), 401, 'invalid_token')
  })

  await t.test('the last admin cannot delete the own account', async (t) => {
    const [ada, bob] = [await signup(), await signup()]
    await giveRole(ada.user.id)
    const routes = [
      ['DELETE', '/me'],
      ['POST', '/me/delete'],
    ] as const
    const body = { password: goodPassword }
    for (const [method, url] of routes)
      problem(t, await call(method, url, { token: ada.access_token, body }), 409, 'last_admin')
    problem(
      t,
      await call('DELETE', '/me', { token: ada.access_token, body: { password: 'wrong' } }),
      403,
      'wrong_password',
    )
    await giveRole(bob.user.id)
    const replies = await Promise.all(
      [ada, bob].map(
        async ({ access_token: token }) => await call('DELETE', '/me', { token, body }),
      ),
    )
    t.strictSame(replies.map(outcome).sort(), ['204', '409 last_admin'], 'both at once')
  })

  await t.test('an unusable hash matches nothing, and forgot gets in again', async (t) => {
    for (const hash of [
      unusableHash(),
      '!',
      `!${goodPassword}`,
      '!$argon2id$v=19$m=1024,t=2,p=1$',
    ]) {
      const { access_token: access, user } = await signupVerified()
      await stored.setHash(user.id, hash)
      for (const password of [goodPassword, hash, '!', hash.slice(1)]) {
        if (password.length > 1) t.equal(await login(user.email, password), 401, 'login')
        const body = { current_password: password, new_password: next }
        t.equal(outcome(await post('/password/change', body, access)), '403 wrong_password')
      }
      const reset = { token: await forgot(user.email), new_password: next }
      t.equal((await post('/password/reset', reset)).statusCode, 204)
      t.equal(await login(user.email, next), 200)
      time.now += 1000
    }
  })

  await t.test('the reset token of an undo is dead after a second undo', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const second = freshEmail()
    const first = await move(access, user.email, second)
    const stolen = await move(access, second, freshEmail())
    const { reset_token: early } = (await undo(stolen)).json<{ reset_token: string }>()
    const { reset_token: late } = (await undo(first)).json<{ reset_token: string }>()
    problem(
      t,
      await post('/password/reset', { token: early, new_password: next }),
      400,
      'invalid_one_time_token',
    )
    t.equal((await post('/password/reset', { token: late, new_password: next })).statusCode, 204)
    t.equal(await login(user.email, next), 200)
  })
})
