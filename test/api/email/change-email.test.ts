import t from 'tap'
import { refusedRefresh } from '../../support/forger.js'
import { refusesHostileTokens, takeApart } from '../../support/one-time-tokens.js'
import { refusesMisfits } from '../../support/misfits.js'
import { type Case, everyRowIs, rowsOf, tableIs } from '../../support/table.js'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  onEachDatabase,
  outcome,
  problem,
} from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { decode } from '../../support/forge.js'
import { createEmailFlow, freshEmail } from '../../support/email-flow.js'

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time, stored, mails, nextMail, logText } = test
  const { signupVerified, ask, confirm, move, login } = createEmailFlow(test)
  const change = async (token: string, body: unknown, headers = {}) =>
    await call('POST', '/email/change', { token, body, headers })
  const emailOf = async (token: string) => (await call('GET', '/me', { token })).json().email

  await t.test(
    'an address changes once, when the new one is proven and the account confirms',
    async (t) => {
      const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
      const newEmail = freshEmail()
      const sibling = await ask(access, freshEmail())
      const token = await ask(access, newEmail)
      t.equal(await emailOf(access), user.email, 'nothing has happened yet')
      const iat = time.now / 1000
      const { header, payload } = decode(token)
      t.match(
        { ...header, ...payload },
        {
          typ: 'email+jwt',
          aud: 'http://localhost:3000/links',
          sub: user.id,
          iat,
          exp: iat + 86_400,
          email: newEmail,
        },
        'the claims of the link',
      )
      time.now += 1000
      const replies = await Promise.all(
        Array.from({ length: 20 }, async () => await confirm(token)),
      )
      t.strictSame(
        replies.map(outcome).sort(),
        ['200', ...Array.from({ length: 19 }, () => '400 invalid_one_time_token')],
        'one of twenty uses at once wins',
      )
      const changed = {
        ...user,
        email: newEmail,
        email_verified: true,
        updated_at: new Date(time.now).toISOString(),
      }
      t.strictSame(
        replies.find(({ statusCode }) => statusCode === 200)?.json(),
        changed,
        'the reply is the changed user',
      )
      for (const [name, used] of Object.entries({ 'the same link': token, 'a sibling': sibling }))
        problem(t, await confirm(used), 400, 'invalid_one_time_token', name)
      t.strictSame((await call('GET', '/me', { token: access })).json(), changed, 'GET /me')
      t.strictSame([await login(user.email), await login(newEmail)], [401, 200], 'logins')
      t.equal(
        (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode,
        200,
        'refresh tokens remain valid',
      )
      const notice = await nextMail(user.email, 'Your e-mail address')
      t.notOk(notice.text.includes(newEmail), 'the notice does not tell the new address')
      const undo = decode(tokenOf(notice, '/email/undo'))
      t.strictSame(
        Object.keys(undo.payload).sort(),
        ['aud', 'entry', 'exp', 'iat', 'iss', 'jti', 'sub'],
        'no address in the token',
      )
      t.match(
        { ...undo.header, ...undo.payload },
        {
          typ: 'undo+jwt',
          aud: 'http://localhost:3000/links',
          exp: time.now / 1000 + 7 * 86_400,
        },
        'the claims of the undo link',
      )
    },
  )

  await t.test('confirming takes the access token of the account or its password', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const stranger = await signup()
    const refused: Array<Case<object, unknown>> = [
      ['no credential', {}, ['401 missing_token', null]],
      [
        'the access token of another account',
        { access: stranger.access_token },
        ['401 missing_token', null],
      ],
      ['a bad access token', { access: 'not.a.token' }, ['401 invalid_token', null]],
      ['a refresh token', { access: stranger.refresh_token }, ['401 invalid_token', null]],
      ['a wrong password', { password: 'wrong' }, ['403 wrong_password', null]],
      ['an empty password', { password: '' }, ['403 wrong_password', null]],
      ['a password that no account can have', { password: '\ud800' }, ['403 wrong_password', null]],
      [
        'a wrong password and the token of another account',
        { password: 'wrong', access: stranger.access_token },
        ['403 wrong_password', null],
      ],
    ]
    const token = await ask(access, freshEmail())
    await tableIs(
      t,
      refused,
      async (proof) => {
        const reply = await confirm(token, proof)
        const { account: _, ...body } = reply.json()
        return [outcome(reply), JSON.stringify(body).match(/@|eyJ/g)]
      },
      'other proofs are refused, and the reply names no address and no token',
    )
    t.equal(await emailOf(access), user.email, 'the address has not changed')
    t.equal(outcome(await confirm(token, { access })), '200', 'the access token of the account')
    const again = await ask(access, freshEmail())
    t.equal(
      outcome(await confirm(again, { password: goodPassword, access: stranger.access_token })),
      '200',
      'the right password beside the token of another account',
    )
    const last = await ask(access, freshEmail())
    time.now += 700_000
    problem(t, await confirm(last, { access }), 401, 'invalid_token', 'an expired access token')
    const headers = rowsOf(['Basic dTpw', 'Bearer', ''])
    await everyRowIs(
      t,
      headers,
      '401 missing_token',
      async (authorization) =>
        outcome(
          await call('POST', '/email/change/confirm', {
            body: { token: last },
            headers: { authorization },
          }),
        ),
      'headers without a token',
    )
  })

  await t.test('the reply does not tell whether the new address has an account', async (t) => {
    const [{ access_token: access, user }, other] = [await signup(), await signup()]
    const replies = [
      await change(access, { new_email: freshEmail(), password: goodPassword }),
      await change(access, { new_email: other.user.email, password: goodPassword }),
    ]
    const seen = replies.map((reply) => [reply.statusCode, reply.body, headerNames(reply)])
    t.match(seen[0], [202, '{}'], 'a free address is accepted')
    t.strictSame(seen[1], seen[0], 'a taken address has the same reply')
    const { text } = await nextMail(other.user.email, 'Your e-mail address')
    t.notMatch(text, /token=/, 'the mail to the taken address has no link')
    const late = freshEmail()
    const token = await ask(access, late)
    await signup({ email: late })
    problem(t, await confirm(token), 409, 'email_taken', 'taken meanwhile, by password')
    problem(t, await confirm(token, { access }), 409, 'email_taken', 'taken meanwhile, by token')
    t.equal(await emailOf(access), user.email, 'the address has not changed')
  })

  await t.test('POST /email/change refuses misfits and callers without the right', async (t) => {
    const { access_token: access, user } = await signup()
    const body = { new_email: 'x@example.org', password: goodPassword }
    await refusesMisfits(t, async (given) => await change(access, given, jsonType), body, [
      ['empty', {}, ['/new_email', '/password']],
      ['one more member', { ...body, email: 'x' }, ['/email']],
      ['not an address', { ...body, new_email: 'no address' }, ['/new_email']],
    ])
    const passwords = rowsOf(['', 'wrong', '\ud800'])
    await everyRowIs(
      t,
      passwords,
      '403 wrong_password',
      async (password) => outcome(await change(access, { ...body, password })),
      'wrong passwords are refused',
    )
    problem(t, await call('POST', '/email/change', { body }), 401, 'missing_token', 'no token')
    await stored.disable(user.id)
    problem(t, await change(access, body), 403, 'forbidden', 'a disabled account')
    await stored.delete(user.id)
    problem(t, await change(access, body), 401, 'invalid_token', 'a deleted account')
    t.notOk(
      mails.some(({ to }) => to === body.new_email),
      'no refused request sends a mail',
    )
  })

  await t.test('POST /email/change/confirm refuses misfits', async (t) => {
    await refusesMisfits(
      t,
      async (body) => await call('POST', '/email/change/confirm', { body, headers: jsonType }),
      { token: 'x', password: 'x' },
      [
        ['empty', {}, ['/token']],
        ['one more member', { token: 'x', new_email: 'x@example.org' }, ['/new_email']],
      ],
    )
  })

  await t.test('a link ends with any change that must end it', async (t) => {
    const events: Record<string, (person: Awaited<ReturnType<typeof signup>>) => Promise<unknown>> =
      {
        'a password change': async ({ access_token: token }) =>
          await call('POST', '/password/change', {
            token,
            body: { current_password: goodPassword, new_password: `${goodPassword}-2` },
          }),
        'logging out everywhere': async ({ access_token: token }) =>
          await call('POST', '/logout/everywhere', { token }),
        disabling: async ({ user }) => {
          await stored.disable(user.id)
        },
        deletion: async ({ user }) => {
          await stored.delete(user.id)
        },
        'another change of the address': async ({ access_token: access }) => {
          await confirm(await ask(access, freshEmail()))
        },
        time: async () => {
          time.now += (86_400 + 30) * 1000
        },
      }
    const rows = Object.entries(events)
    await everyRowIs(
      t,
      rows,
      ['400 invalid_one_time_token', '400 invalid_one_time_token'],
      async (happen) => {
        const person = await signup()
        const token = await ask(person.access_token, freshEmail())
        await happen(person)
        return [outcome(await confirm(token)), outcome(await confirm(token, {}))]
      },
      'each event ends the link',
    )
  })

  await t.test('POST /email/change/confirm refuses every hostile token', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signup()
    const verification = tokenOf(await nextMail(user.email, 'Confirm your e-mail'))
    await call('POST', '/email/verify', { body: { token: verification } })
    const back = await move(access, user.email, freshEmail())
    const good = await ask(access, freshEmail())
    const parts = takeApart(test, good)
    await refusesHostileTokens(t, parts, confirm, [
      ['an access token', access],
      ['a refresh token', refreshToken],
      ['an undo token', back],
      ['a verification token', verification],
      ...[undefined, null, 5, '', ['x@example.org']].map((email): [string, string] => [
        `email ${String(email)}`,
        parts.make({ claims: { email } }),
      ]),
    ])
    problem(
      t,
      await call('POST', '/email/verify', { body: { token: good } }),
      400,
      'invalid_one_time_token',
      'another route takes no change token',
    )
    t.equal(outcome(await confirm(good)), '200', 'the unchanged token works')
  })

  await t.test(
    'an account has ten changes of its address a week, even without rate limits',
    async (t) => {
      const { access_token: access, user } = await signupVerified()
      let from = user.email
      for (let count = 0; count < 10; count++) {
        const to = freshEmail()
        await move(access, from, to)
        from = to
        time.now += 1000
      }
      const waiting = 7 * 86_400 - 10
      const reply = await change(access, { new_email: freshEmail(), password: goodPassword })
      problem(t, reply, 429, 'rate_limited')
      t.match(
        reply.headers,
        {
          'retry-after': String(waiting),
          'ratelimit-policy': `"email-history";q=10;w=${7 * 86_400}`,
        },
        'the limit and the wait',
      )
      t.equal(await login(from), 200, 'the address has not changed')
      time.now += waiting * 1000
      const [{ access_token: later }] = [
        (await call('POST', '/login', { body: { email: from, password: goodPassword } })).json(),
      ]
      const last = await ask(later, freshEmail())
      t.equal(outcome(await confirm(last)), '200', 'there is room again after a week')
      refusedRefresh(
        t,
        'a change token is not a refresh token',
        await call('POST', '/refresh', { body: { refresh_token: last } }),
      )
    },
  )

  await t.test(
    'a full history refuses an older link, which works once there is room',
    async (t) => {
      const { access_token: access, user } = await signupVerified()
      const full = Array.from({ length: 10 }, (_, index) => ({
        id: String(index),
        email: freshEmail(),
        at: time.now,
      }))
      const token = await ask(access, freshEmail())
      await stored.setHistory(user.id, full)
      problem(t, await confirm(token, {}), 401, 'missing_token', 'a stranger learns nothing of it')
      problem(t, await confirm(token, { password: 'wrong' }), 403, 'wrong_password', 'nor a guess')
      problem(t, await confirm(token), 429, 'rate_limited', 'a full history')
      await stored.setHistory(user.id, full.slice(1))
      t.equal(outcome(await confirm(token)), '200', 'a history with room')
    },
  )
  for (const secret of ['eyJ', goodPassword, 'example'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})
