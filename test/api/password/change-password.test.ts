import argon2 from 'argon2'
import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  buildTestApp,
  goodPassword,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  pointers,
  problem,
  query,
} from '../../helper.js'
import { refusedRefresh } from '../../support/forger.js'
import { decode } from '../../support/forge.js'

const next = 'seven-green-kettles-whistle'
const body = { current_password: goodPassword, new_password: next }

const misfits: Array<[body: object, pointers: string[]]> = [
  [{}, ['/current_password', '/new_password']],
  [{ new_password: next }, ['/current_password']],
  [{ current_password: goodPassword }, ['/new_password']],
  [{ ...body, password: 'x', email: 'x' }, ['/email', '/password']],
  ...notStrings.flatMap((value): typeof misfits => [
    [{ ...body, current_password: value }, ['/current_password']],
    [{ ...body, new_password: value }, ['/new_password']],
  ]),
]

await onEachDatabase(t, async (t, database) => {
  let away = false
  let meanwhile = async () => {}
  const { call, signup, time, databaseUrl, logText } = await buildTestApp(t, {
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
  const row = async (id: string) =>
    (
      await query(
        databaseUrl,
        `SELECT password_hash, token_epoch, updated_at FROM users WHERE id = '${id}'`,
      )
    )[0]

  await t.test('what does not fit, and who may not', async (t) => {
    const { access_token: token, user } = await signup()
    const before = await row(user.id)
    for (const [given, expected] of misfits)
      t.strictSame(pointers(t, await change(token, given)).sort(), expected, JSON.stringify(given))
    for (const given of notObjects)
      t.strictSame(pointers(t, await change(token, given, jsonType)), [''], given)
    problem(t, await call('POST', '/password/change', { body }), 401, 'missing_token')
    problem(t, await change('a.b.c'), 401, 'invalid_token')
    for (const wrong of [
      '',
      'wrong',
      goodPassword.toUpperCase(),
      ` ${goodPassword}`,
      goodPassword.slice(0, -1),
      'x'.repeat(15_000),
      '\ud800',
    ])
      problem(t, await change(token, { ...body, current_password: wrong }), 403, 'wrong_password')
    for (const [weak, reason] of [
      ['short', 'too_short'],
      ['password1', 'too_guessable'],
      ['x'.repeat(257), 'too_long'],
      [`${user.email}${next}`, 'contains_email'],
      ['\ud800'.repeat(12), undefined],
    ] as const) {
      const reply = await change(token, { ...body, new_password: weak })
      if (reason === undefined)
        t.strictSame(pointers(t, reply), ['/new_password'], 'ill-formed text')
      else
        t.ok((problem(t, reply, 422, 'weak_password').reasons as string[]).includes(reason), reason)
    }
    problem(
      t,
      await change(token, { current_password: 'wrong', new_password: 'x' }),
      403,
      'wrong_password',
    )
    t.strictSame(await row(user.id), before, 'nothing was changed')
    away = true
    const reply = await change(token)
    away = false
    problem(t, reply, 503, 'unavailable')
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/)
    await query(databaseUrl, `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`)
    problem(t, await change(token), 403, 'forbidden')
    await query(databaseUrl, `DELETE FROM users WHERE id = '${user.id}'`)
    problem(t, await change(token), 401, 'invalid_token')
  })

  await t.test('everyone else is logged out, and the caller goes on', async (t) => {
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

  await t.test('of twenty changes at once, one wins', async (t) => {
    const { access_token: token, user } = await signup()
    const replies = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, index) => await change(token, { ...body, new_password: `${next}-${index}` }),
      ),
    )
    const won = replies.findIndex(({ statusCode }) => statusCode === 200)
    for (const [index, reply] of replies.entries())
      if (index !== won) problem(t, reply, 403, 'wrong_password')
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
  })

  await t.test('a hash that is replaced by a login while the passwords are hashed', async (t) => {
    const { access_token: token, user } = await signup()
    const other = await argon2.hash(goodPassword, { memoryCost: 512 })
    let times = 0
    meanwhile = async () => {
      if (++times === 1)
        await query(
          databaseUrl,
          `UPDATE users SET password_hash = '${other}' WHERE id = '${user.id}'`,
        )
    }
    t.equal((await change(token)).statusCode, 200, 'the password was right all the time')
    t.equal(times, 2)
    meanwhile = async () => {
      await query(
        databaseUrl,
        `UPDATE users SET password_hash = '${await argon2.hash(next, { memoryCost: 512 })}' WHERE id = '${user.id}'`,
      )
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
    const people = [await signup(), await signup()]
    const ends = [
      `DELETE FROM users WHERE id = '${people[0]?.user.id}'`,
      `UPDATE users SET disabled_at = created_at WHERE id = '${people[1]?.user.id}'`,
    ]
    for (const [index, person] of people.entries()) {
      meanwhile = async () => {
        await query(databaseUrl, ends[index] ?? '')
      }
      const reply = await change(person.access_token)
      problem(t, reply, index === 0 ? 401 : 403, index === 0 ? 'invalid_token' : 'forbidden')
    }
    meanwhile = async () => {}
  })
  for (const secret of [goodPassword, next, 'eyJ'])
    t.notOk(logText().includes(secret), 'no secret in the log')
})
