import t from 'tap'
import { type Forger, refusedRefresh } from '../../support/forger.js'
import { hostileTokens } from '../../support/hostile-tokens.js'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  pointers,
  problem,
  query,
} from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { decode, forge, signer } from '../../support/forge.js'
import { createEmailFlow, freshEmail } from '../../support/email-flow.js'

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time, databaseUrl, mails, nextMail, logText, jwks } = test
  const { signupVerified, ask, confirm, move, login } = createEmailFlow(test)
  const change = async (token: string, body: unknown, headers = {}) =>
    await call('POST', '/email/change', { token, body, headers })
  const emailOf = async (token: string) => (await call('GET', '/me', { token })).json().email

  await t.test(
    'an address changes when the new one is proven and the account confirms, once',
    async (t) => {
      const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
      const newEmail = freshEmail()
      const sibling = await ask(access, freshEmail())
      const token = await ask(access, newEmail)
      t.equal(await emailOf(access), user.email, 'nothing has happened yet')
      const iat = time.now / 1000
      const { header, payload } = decode(token)
      t.match(header, { typ: 'email+jwt' })
      t.match(payload, {
        aud: 'http://localhost:3000/links',
        sub: user.id,
        iat,
        exp: iat + 86_400,
        email: newEmail,
      })
      time.now += 1000
      const replies = await Promise.all(
        Array.from({ length: 20 }, async () => await confirm(token)),
      )
      t.strictSame(replies.map(({ statusCode }) => statusCode).sort(), [
        200,
        ...Array.from({ length: 19 }, () => 400),
      ])
      const changed = {
        ...user,
        email: newEmail,
        email_verified: true,
        updated_at: new Date(time.now).toISOString(),
      }
      t.strictSame(replies.find(({ statusCode }) => statusCode === 200)?.json(), changed)
      for (const used of [token, sibling])
        problem(t, await confirm(used), 400, 'invalid_one_time_token')
      t.strictSame((await call('GET', '/me', { token: access })).json(), changed)
      t.strictSame([await login(user.email), await login(newEmail)], [401, 200])
      t.equal(
        (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode,
        200,
        'refresh tokens remain valid',
      )
      const notice = await nextMail(user.email, 'Your e-mail address')
      t.notOk(notice.text.includes(newEmail))
      const undo = decode(tokenOf(notice, '/email/undo'))
      t.match(undo.header, { typ: 'undo+jwt' })
      t.strictSame(
        Object.keys(undo.payload).sort(),
        ['aud', 'entry', 'exp', 'iat', 'iss', 'jti', 'sub'],
        'no address in the token',
      )
      t.match(undo.payload, {
        aud: 'http://localhost:3000/links',
        exp: time.now / 1000 + 7 * 86_400,
      })
    },
  )

  await t.test('who can confirm: the access token of the account, or its password', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const stranger = await signup()
    const expired = access
    const rows: Array<[string, object, number, string]> = [
      ['no credential', {}, 401, 'missing_token'],
      [
        'the access token of another account',
        { access: stranger.access_token },
        401,
        'missing_token',
      ],
      ['a bad access token', { access: 'not.a.token' }, 401, 'invalid_token'],
      ['a refresh token', { access: stranger.refresh_token }, 401, 'invalid_token'],
      ['a wrong password', { password: 'wrong' }, 403, 'wrong_password'],
      ['an empty password', { password: '' }, 403, 'wrong_password'],
      ['a password that no account can have', { password: '\ud800' }, 403, 'wrong_password'],
      [
        'a wrong password and the token of another account',
        { password: 'wrong', access: stranger.access_token },
        403,
        'wrong_password',
      ],
    ]
    const token = await ask(access, freshEmail())
    for (const [name, proof, status, code] of rows) {
      const { account: _, ...body } = problem(t, await confirm(token, proof), status, code)
      t.notMatch(JSON.stringify(body), /@|eyJ/, name)
    }
    t.equal(await emailOf(access), user.email)
    t.equal((await confirm(token, { access })).statusCode, 200, 'the access token of the account')
    const again = await ask(access, freshEmail())
    t.equal(
      (await confirm(again, { password: goodPassword, access: stranger.access_token })).statusCode,
      200,
      'the right password beside the token of another account',
    )
    const last = await ask(access, freshEmail())
    time.now += 700_000
    problem(t, await confirm(last, { access: expired }), 401, 'invalid_token')
    for (const header of ['Basic dTpw', 'Bearer', ''])
      problem(
        t,
        await call('POST', '/email/change/confirm', {
          body: { token: last },
          headers: { authorization: header },
        }),
        401,
        'missing_token',
      )
  })

  await t.test('the reply does not tell whether the new address has an account', async (t) => {
    const [{ access_token: access, user }, other] = [await signup(), await signup()]
    const replies = [
      await change(access, { new_email: freshEmail(), password: goodPassword }),
      await change(access, { new_email: other.user.email, password: goodPassword }),
    ]
    for (const reply of replies)
      t.strictSame(
        [reply.statusCode, reply.body, headerNames(reply)],
        [202, '{}', headerNames(replies[0] as typeof reply)],
      )
    const { text } = await nextMail(other.user.email, 'Your e-mail address')
    t.notMatch(text, /token=/)
    const late = freshEmail()
    const token = await ask(access, late)
    await signup({ email: late })
    problem(t, await confirm(token), 409, 'email_taken')
    problem(t, await confirm(token, { access }), 409, 'email_taken')
    t.equal(await emailOf(access), user.email, 'an address that was taken meanwhile')
  })

  await t.test('refuses what does not fit, and who may not', async (t) => {
    const { access_token: access, user } = await signup()
    const body = { new_email: 'x@example.org', password: goodPassword }
    const misfits: Array<[object, string[]]> = [
      [{}, ['/new_email', '/password']],
      [{ ...body, email: 'x' }, ['/email']],
      [{ ...body, new_email: 'no address' }, ['/new_email']],
      ...notStrings.flatMap((value): Array<[object, string[]]> => [
        [{ ...body, new_email: value }, ['/new_email']],
        [{ ...body, password: value }, ['/password']],
      ]),
    ]
    for (const [given, expected] of misfits)
      t.strictSame(pointers(t, await change(access, given)).sort(), expected, JSON.stringify(given))
    for (const given of notObjects)
      t.strictSame(pointers(t, await change(access, given, jsonType)), [''])
    const send = async (given: unknown, headers = {}) =>
      await call('POST', '/email/change/confirm', { body: given, headers })
    for (const given of notObjects) t.strictSame(pointers(t, await send(given, jsonType)), [''])
    t.strictSame(pointers(t, await send({})), ['/token'])
    t.strictSame(pointers(t, await send({ token: 'x', new_email: 'x@example.org' })), [
      '/new_email',
    ])
    for (const value of notStrings) {
      t.strictSame(pointers(t, await send({ token: value })), ['/token'])
      t.strictSame(pointers(t, await send({ token: 'x', password: value })), ['/password'])
    }
    problem(t, await call('POST', '/email/change', { body }), 401, 'missing_token')
    for (const password of ['', 'wrong', '\ud800'])
      problem(t, await change(access, { ...body, password }), 403, 'wrong_password')
    await query(databaseUrl, `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`)
    problem(t, await change(access, body), 403, 'forbidden')
    await query(databaseUrl, `DELETE FROM users WHERE id = '${user.id}'`)
    problem(t, await change(access, body), 401, 'invalid_token')
    t.notOk(mails.some(({ to }) => to === body.new_email))
  })

  await t.test('what ends a link', async (t) => {
    const events: Record<string, (person: Awaited<ReturnType<typeof signup>>) => Promise<unknown>> =
      {
        'a password change': async ({ access_token: token }) =>
          await call('POST', '/password/change', {
            token,
            body: { current_password: goodPassword, new_password: `${goodPassword}-2` },
          }),
        'logging out everywhere': async ({ access_token: token }) =>
          await call('POST', '/logout/everywhere', { token }),
        disabling: async ({ user }) =>
          await query(
            databaseUrl,
            `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`,
          ),
        deletion: async ({ user }) =>
          await query(databaseUrl, `DELETE FROM users WHERE id = '${user.id}'`),
        'another change of the address': async ({ access_token: access }) => {
          await confirm(await ask(access, freshEmail()))
        },
        time: async () => {
          time.now += (86_400 + 30) * 1000
        },
      }
    for (const [name, happen] of Object.entries(events)) {
      const person = await signup()
      const token = await ask(person.access_token, freshEmail())
      await happen(person)
      problem(t, await confirm(token), 400, 'invalid_one_time_token')
      problem(t, await confirm(token, {}), 400, 'invalid_one_time_token')
      t.pass(name)
    }
  })

  await t.test('what is not such a token', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signup()
    const verification = tokenOf(await nextMail(user.email, 'Confirm your e-mail'))
    await call('POST', '/email/verify', { body: { token: verification } })
    const back = await move(access, user.email, freshEmail())
    const good = await ask(access, freshEmail())
    const { header, payload: claims } = decode(good)
    const jwk = jwks.keys[0] ?? {}
    const make: Forger['make'] = (changes = {}) =>
      forge(
        { ...header, ...changes.header },
        { ...claims, ...changes.claims },
        changes.sign ?? signer(jwk),
      )
    const rows: Array<[string, string]> = [
      ...Object.values(
        hostileTokens({ ...test, make, header, claims, jwk } as unknown as Forger),
      ).flat(),
      ['an access token', access],
      ['a refresh token', refreshToken],
      ['an undo token', back],
      ['a verification token', verification],
      ...[undefined, null, 5, '', ['x@example.org']].map((email): [string, string] => [
        `email ${String(email)}`,
        make({ claims: { email } }),
      ]),
    ]
    for (const [name, bad] of rows) {
      const reply = await confirm(bad)
      t.strictSame([reply.statusCode, reply.json().code], [400, 'invalid_one_time_token'], name)
    }
    problem(
      t,
      await call('POST', '/email/verify', { body: { token: good } }),
      400,
      'invalid_one_time_token',
    )
    t.equal((await confirm(good)).statusCode, 200)
  })

  await t.test(
    'at most ten former addresses, also without limits, and room again after a week',
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
      t.equal(reply.headers['retry-after'], String(waiting))
      t.equal(reply.headers['ratelimit-policy'], `"email-history";q=10;w=${7 * 86_400}`)
      t.equal(await login(from), 200, 'nothing has changed')
      time.now += waiting * 1000
      const [{ access_token: later }] = [
        (await call('POST', '/login', { body: { email: from, password: goodPassword } })).json(),
      ]
      const last = await ask(later, freshEmail())
      t.equal((await confirm(last)).statusCode, 200)
      refusedRefresh(
        t,
        'a token that is not one',
        await call('POST', '/refresh', { body: { refresh_token: last } }),
      )
    },
  )

  await t.test(
    'links that were asked for before the history was full are refused by it, and not used up',
    async (t) => {
      const { access_token: access, user } = await signupVerified()
      const full = Array.from({ length: 10 }, (_, index) => ({
        id: String(index),
        email: freshEmail(),
        at: time.now,
      }))
      const token = await ask(access, freshEmail())
      const write = async (history: object[]) =>
        await query(
          databaseUrl,
          `UPDATE users SET email_history = '${JSON.stringify(history)}' WHERE id = '${user.id}'`,
        )
      await write(full)
      problem(t, await confirm(token), 429, 'rate_limited')
      await write(full.slice(1))
      t.equal((await confirm(token)).statusCode, 200)
    },
  )
  for (const secret of ['eyJ', goodPassword, 'example'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})
