import t from 'tap'
import { refusesHostileTokens, takeApart } from '../../support/one-time-tokens.js'
import { refusesMisfits } from '../../support/misfits.js'
import { type Case, everyRowIs, nameOf, tableIs } from '../../support/table.js'
import {
  buildTestApp,
  goodPassword,
  jsonType,
  onEachDatabase,
  outcome,
  problem,
} from '../../helper.js'
import { decode } from '../../support/forge.js'
import { createEmailFlow, freshEmail } from '../../support/email-flow.js'

const next = 'seven-green-kettles-whistle'

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, time, stored, mails, nextMail, logText, store } = test
  const { post, signupVerified, ask, confirm, move, undo, login, recover } = createEmailFlow(test)
  const emailOf = async (token: string) => (await call('GET', '/me', { token })).json().email

  await t.test('one of many uses at once gives the whole account back', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
    const to = freshEmail()
    const back = await move(access, user.email, to)
    time.now += 1000
    const replies = await Promise.all(Array.from({ length: 20 }, async () => await undo(back)))
    t.strictSame(
      replies.map(outcome).sort(),
      ['200', ...Array.from({ length: 19 }, () => '400 invalid_one_time_token')],
      'one of twenty uses wins',
    )
    const body = replies
      .find(({ statusCode }) => statusCode === 200)
      ?.json<{ reset_token: string; expires_in: number }>()
    t.strictSame({ ...body, reset_token: '' }, { reset_token: '', expires_in: 1800 }, 'the reply')
    t.match(
      decode(String(body?.reset_token)),
      {
        header: { typ: 'reset+jwt' },
        payload: { sub: user.id, exp: time.now / 1000 + 1800 },
      },
      'the reset token',
    )
    t.match(
      (await call('GET', '/me', { token: access })).json(),
      {
        email: user.email,
        email_verified: true,
        updated_at: new Date(time.now).toISOString(),
      },
      'the address is back and verified',
    )
    t.strictSame(
      [await login(user.email), await login(to)],
      [401, 401],
      'the password is refused under both addresses',
    )
    problem(
      t,
      await post('/refresh', { refresh_token: refreshToken }),
      401,
      'invalid_refresh_token',
    )
    problem(
      t,
      await call('DELETE', '/me', { token: access, body: { password: goodPassword } }),
      403,
      'wrong_password',
    )
    problem(t, await undo(back), 400, 'invalid_one_time_token')
    t.equal(
      outcome(await post('/password/reset', { token: body?.reset_token, new_password: next })),
      '204',
      'the reset token sets a password',
    )
    t.equal(await login(user.email, next), 200, 'the new password')
    problem(
      t,
      await post('/password/reset', { token: body?.reset_token, new_password: goodPassword }),
      400,
      'invalid_one_time_token',
    )
  })

  await t.test('an undo ends every later link and no earlier link', async (t) => {
    // For the link that is used first: what the links do after it, in this order, and the address.
    const dead = '400 invalid_one_time_token'
    const cases: Array<Case<{ first: number; then: number[] }, unknown>> = [
      [
        'the oldest link first',
        { first: 0, then: [2, 1, 0] },
        [
          ['200', 0],
          [dead, 0],
          [dead, 0],
          [dead, 0],
        ],
      ],
      [
        'the second link first',
        { first: 1, then: [2, 1, 0] },
        [
          ['200', 1],
          [dead, 1],
          [dead, 1],
          ['200', 0],
        ],
      ],
      [
        'the newest link first',
        { first: 2, then: [2, 1, 0] },
        [
          ['200', 2],
          [dead, 2],
          ['200', 1],
          ['200', 0],
        ],
      ],
    ]
    await tableIs(
      t,
      cases,
      async ({ first, then }) => {
        const { access_token: access, user } = await signupVerified()
        const [second, third, fourth] = [freshEmail(), freshEmail(), freshEmail()]
        const links = [
          await move(access, user.email, second),
          await move(access, second, third),
          await move(access, third, fourth),
        ]
        const addresses = [user.email, second, third, fourth]
        const found = []
        for (const index of [first, ...then])
          found.push([outcome(await undo(links[index])), addresses.indexOf(await emailOf(access))])
        return found
      },
      'outcome of each link, and the index of the address after it',
    )
  })

  await t.test('of the links of one account used at once, the oldest wins', async (t) => {
    const expected: unknown[] = ['200', '400 invalid_one_time_token']
    for (let round = 0; round < 5; round++) {
      const { access_token: access, user } = await signupVerified()
      const second = freshEmail()
      const links = [
        await move(access, user.email, second),
        await move(access, second, freshEmail()),
      ]
      const replies = await Promise.all(
        [...links, ...links, ...links].map(async (link) => await undo(link)),
      )
      t.strictSame(
        replies.map(outcome).filter((found) => !expected.includes(found)),
        [],
        `round ${round}: every use wins or finds the link used`,
      )
      t.equal(await emailOf(access), user.email, `round ${round}: the oldest address`)
    }
  })

  await t.test('an old reset token stays invalid after a second undo', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const first = (await undo(await move(access, user.email, freshEmail()))).json().reset_token
    await post('/password/reset', { token: first, new_password: goodPassword })
    const { access_token: again } = (
      await post('/login', { email: user.email, password: goodPassword })
    ).json()
    const second = (await undo(await move(again, user.email, freshEmail()))).json().reset_token
    problem(
      t,
      await post('/password/reset', { token: first, new_password: next }),
      400,
      'invalid_one_time_token',
    )
    t.equal(
      outcome(await post('/password/reset', { token: second, new_password: next })),
      '204',
      'the second reset token',
    )
  })

  await t.test('a return to a former address ends its link and all later links', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const [second, third] = [freshEmail(), freshEmail()]
    const links = [await move(access, user.email, second), await move(access, second, third)]
    t.equal(await move(access, third, second), '', 'the address in between gets no link')
    problem(t, await undo(links[1]), 400, 'invalid_one_time_token', 'the later link')
    t.equal(await emailOf(access), second, 'the later link changes nothing')
    t.equal(await move(access, second, user.email), '', 'nor does the second address')
    problem(t, await undo(links[0]), 400, 'invalid_one_time_token', 'the earlier link')
    t.match(
      await store.accounts.findById(user.id),
      { email: user.email, emailHistory: '[]' },
      'the history is empty',
    )
    const again = await move(access, user.email, second)
    t.equal(outcome(await undo(again)), '200', 'a new change has a new link')
  })

  await t.test('an undo to the current address succeeds and mails no withdrawal', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const back = await move(access, user.email, freshEmail())
    await stored.setEmail(user.id, user.email)
    mails.length = 0
    t.equal(outcome(await undo(back)), '200', 'the link works')
    await nextMail(user.email, /is back$/)
    t.notOk(
      mails.some(({ subject }) => subject.endsWith('changed back')),
      'no mail to a withdrawn address',
    )
  })

  await t.test('deletion, disabling, an empty history and time end a link', async (t) => {
    const events: Record<string, (id: string) => Promise<unknown>> = {
      deletion: stored.delete,
      disabling: stored.disable,
      'an empty history': async (id) => {
        await stored.setHistory(id, [])
      },
      time: async () => {
        time.now += (7 * 86_400 + 30) * 1000
      },
      'time, to the second, without the leeway of tokens': async () => {
        time.now += 7 * 86_400_000
      },
    }
    await everyRowIs(
      t,
      Object.entries(events),
      '400 invalid_one_time_token',
      async (happen) => {
        const { access_token: access, user } = await signupVerified()
        const back = await move(access, user.email, freshEmail())
        await happen(user.id)
        return outcome(await undo(back))
      },
      'each event ends the link',
    )
    const { access_token: access, user } = await signupVerified()
    const back = await move(access, user.email, freshEmail())
    await call('POST', '/password/change', {
      token: access,
      body: { current_password: goodPassword, new_password: next },
    })
    await call('POST', '/logout/everywhere', { token: access })
    await recover(back, goodPassword)
    t.equal(await login(user.email), 200, 'a new password and a logout do not end it')
  })

  await t.test('POST /email/undo refuses every hostile token and misfit', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
    const back = await move(access, user.email, freshEmail())
    const asked = await ask(access, freshEmail())
    const parts = takeApart(test, back)
    await refusesHostileTokens(t, parts, undo, [
      ['an access token', access],
      ['a refresh token', refreshToken],
      ['a change token', asked],
      ...[undefined, null, 5, '', 'another', ['x']].map((entry): [string, string] => [
        `entry ${nameOf(entry)}`,
        parts.make({ claims: { entry } }),
      ]),
    ])
    await refusesMisfits(
      t,
      async (body) => await call('POST', '/email/undo', { body, headers: jsonType }),
      { token: back },
      [['one more member', { token: back, password: 'x' }, ['/password']]],
    )
    t.equal(outcome(await undo(back)), '200', 'the unchanged token works')
    problem(t, await confirm(asked), 400, 'invalid_one_time_token')
  })
  for (const secret of ['eyJ', goodPassword, next, 'example'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})
