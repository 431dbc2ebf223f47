import argon2 from 'argon2'
import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  buildTestApp,
  goodPassword,
  jsonType,
  onEachDatabase,
  outcome,
  problem,
} from '../../helper.js'
import { refusesMisfits } from '../../support/misfits.js'
import { everyRowIs, rowsOf, tableIs } from '../../support/table.js'
import { refusedRefresh } from '../../support/forger.js'
import { decode } from '../../support/forge.js'

const next = 'seven-green-kettles-whistle'
const body = { current_password: goodPassword, new_password: next }

await onEachDatabase(t, async (t, database) => {
  let away = false
  let meanwhile = async () => {}
  const { call, signup, time, stored, mails, nextMail, logText } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        changePassword: async (...args) => {
          if (away) throw new Problem('unavailable')
          await meanwhile()
          return await store.accounts.changePassword(...args)
        },
      },
    }),
  })
  const change = async (token: string, given: unknown = body, headers = {}) =>
    await call('POST', '/password/change', { token, body: given, headers })
  const login = async (email: string, password: string) =>
    (await call('POST', '/login', { body: { email, password } })).statusCode
  const refresh = async (token: string) =>
    await call('POST', '/refresh', { body: { refresh_token: token } })
  const { row } = stored

  await t.test(
    'refuses misfits, wrong and weak passwords, and callers without the right',
    async (t) => {
      const { access_token: token, user } = await signup()
      const before = await row(user.id)
      await refusesMisfits(t, async (given) => await change(token, given, jsonType), body, [
        ['empty', {}, ['/current_password', '/new_password']],
        ['no current password', { new_password: next }, ['/current_password']],
        ['no new password', { current_password: goodPassword }, ['/new_password']],
        ['two more members', { ...body, password: 'x', email: 'x' }, ['/email', '/password']],
        ['ill-formed text', { ...body, new_password: '\ud800'.repeat(12) }, ['/new_password']],
      ])
      problem(t, await call('POST', '/password/change', { body }), 401, 'missing_token', 'no token')
      problem(t, await change('a.b.c'), 401, 'invalid_token', 'a bad token')
      await everyRowIs(
        t,
        rowsOf([
          '',
          'wrong',
          goodPassword.toUpperCase(),
          ` ${goodPassword}`,
          goodPassword.slice(0, -1),
          'x'.repeat(15_000),
          '\ud800',
        ]),
        '403 wrong_password',
        async (wrong) => outcome(await change(token, { ...body, current_password: wrong })),
        'wrong passwords',
      )
      await tableIs(
        t,
        [
          ['short', 'short', ['422 weak_password', 'too_short']],
          ['common', 'password1', ['422 weak_password', 'too_guessable']],
          ['long', 'x'.repeat(257), ['422 weak_password', 'too_long']],
          ['with the address', `${user.email}${next}`, ['422 weak_password', 'contains_email']],
        ] as const,
        async (weak) => {
          const reply = await change(token, { ...body, new_password: weak })
          return [outcome(reply), reply.json().reasons[0]]
        },
        'weak passwords are refused with a reason',
      )
      problem(
        t,
        await change(token, { current_password: 'wrong', new_password: 'x' }),
        403,
        'wrong_password',
        'a weak password with a wrong one',
      )
      t.strictSame(await row(user.id), before, 'the account has not changed')
      away = true
      const reply = await change(token)
      away = false
      problem(t, reply, 503, 'unavailable')
      t.match(reply.headers['retry-after'], /^[1-9]\d*$/, 'the wait of an outage')
      await stored.disable(user.id)
      problem(t, await change(token), 403, 'forbidden')
      await stored.delete(user.id)
      problem(t, await change(token), 401, 'invalid_token')
    },
  )

  await t.test('a change logs out every other login and keeps the caller logged in', async (t) => {
    const [ada, eve] = [await signup(), await signup()]
    const elsewhere = (
      await call('POST', '/login', { body: { email: ada.user.email, password: goodPassword } })
    ).json()
    time.now += 60_000
    const reply = await change(ada.access_token)
    t.equal(reply.statusCode, 200)
    t.match(reply.headers, { 'cache-control': 'no-store', location: undefined })
    const { access_token: token, refresh_token: refreshToken, ...rest } = reply.json()
    t.strictSame(rest, {
      token_type: 'Bearer',
      expires_in: 600,
      refresh_expires_in: 2_592_000,
      user: ada.user,
    })
    t.match(
      decode(refreshToken).payload,
      { epoch: 1, auth_time: time.now / 1000 },
      'the password was given now',
    )
    t.match(await row(ada.user.id), { token_epoch: /^1$/ })
    for (const old of [ada.refresh_token, elsewhere.refresh_token])
      refusedRefresh(t, 'of before', await refresh(old))
    t.equal((await refresh(refreshToken)).statusCode, 200)
    t.equal((await call('GET', '/me', { token })).statusCode, 200)
    t.equal((await refresh(eve.refresh_token)).statusCode, 200, 'other accounts are untouched')
    t.strictSame(
      [
        await login(ada.user.email, goodPassword),
        await login(ada.user.email, next),
        await login(eve.user.email, goodPassword),
      ],
      [401, 200, 200],
    )
    const same = await change(token, { current_password: next, new_password: next })
    t.equal(same.statusCode, 200, 'the same password again logs the others out too')
    refusedRefresh(t, 'of before', await refresh(refreshToken))
  })

  await t.test('one of twenty changes at once wins', async (t) => {
    const { access_token: token, user } = await signup()
    const replies = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, index) => await change(token, { ...body, new_password: `${next}-${index}` }),
      ),
    )
    const won = replies.findIndex(({ statusCode }) => statusCode === 200)
    t.strictSame(
      replies.map(outcome),
      replies.map((_, index) => (index === won ? '200' : '403 wrong_password')),
      'changes at once',
    )
    t.strictSame(
      [await login(user.email, goodPassword), await login(user.email, `${next}-${won}`)],
      [401, 200],
    )
    t.match(await row(user.id), { token_epoch: /^1$/ })
    t.equal(
      (await refresh(replies[won]?.json().refresh_token)).statusCode,
      200,
      "the winner's tokens are good",
    )
    await nextMail(user.email, 'Your password')
    t.notOk(
      mails.some(({ to, subject }) => to === user.email && subject.startsWith('Your password')),
      'one notice',
    )
  })

  await t.test('a hash that is replaced by a login while the passwords are hashed', async (t) => {
    const { access_token: token, user } = await signup()
    const other = await argon2.hash(goodPassword, { memoryCost: 512 })
    let times = 0
    meanwhile = async () => {
      if (++times === 1) await stored.setHash(user.id, other)
    }
    t.equal((await change(token)).statusCode, 200, 'the password was right all the time')
    t.equal(times, 2)
    meanwhile = async () => {
      await stored.setHash(user.id, await argon2.hash(next, { memoryCost: 512 }))
    }
    problem(
      t,
      await change(token, { current_password: next, new_password: goodPassword }),
      503,
      'unavailable',
    )
    meanwhile = async () => {}
  })

  await t.test('an account that goes away while the passwords are hashed', async (t) => {
    const ends = [
      ['deleted', stored.delete, '401 invalid_token'],
      ['disabled', stored.disable, '403 forbidden'],
    ] as const
    await tableIs(
      t,
      ends,
      async (end) => {
        const person = await signup()
        meanwhile = async () => {
          await end(person.user.id)
        }
        return outcome(await change(person.access_token))
      },
      'accounts that end meanwhile',
    )
    meanwhile = async () => {}
  })
  for (const secret of [goodPassword, next, 'eyJ'])
    t.notOk(logText().includes(secret), 'no secret in the log')
})
