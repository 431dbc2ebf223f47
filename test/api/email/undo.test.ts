import t, { type Test } from 'tap'
import type { Forger } from '../../support/forger.js'
import { hostileTokens } from '../../support/hostile-tokens.js'
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
import { decode, forge, signer } from '../../support/forge.js'
import { createEmailFlow, freshEmail } from '../../support/email-flow.js'

const next = 'seven-green-kettles-whistle'

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, time, databaseUrl, mails, nextMail, logText, jwks, store } = test
  const { post, signupVerified, ask, confirm, move, undo, login, recover } = createEmailFlow(test)
  const emailOf = async (token: string) => (await call('GET', '/me', { token })).json().email
  const statuses = (replies: Array<{ statusCode: number }>) =>
    replies.map(({ statusCode }) => statusCode).sort()

  await t.test('gives the account back whole, once among many uses at the same time', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
    const to = freshEmail()
    const back = await move(access, user.email, to)
    time.now += 1000
    const replies = await Promise.all(Array.from({ length: 20 }, async () => await undo(back)))
    t.strictSame(statuses(replies), [200, ...Array.from({ length: 19 }, () => 400)])
    const body = replies
      .find(({ statusCode }) => statusCode === 200)
      ?.json<{ reset_token: string; expires_in: number }>()
    t.strictSame({ ...body, reset_token: '' }, { reset_token: '', expires_in: 1800 })
    t.match(decode(String(body?.reset_token)), {
      header: { typ: 'reset+jwt' },
      payload: { sub: user.id, exp: time.now / 1000 + 1800 },
    })
    t.match((await call('GET', '/me', { token: access })).json(), {
      email: user.email,
      email_verified: true,
      updated_at: new Date(time.now).toISOString(),
    })
    t.strictSame(
      [await login(user.email), await login(to)],
      [401, 401],
      'the former password is dead, under both addresses',
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
      (await post('/password/reset', { token: body?.reset_token, new_password: next })).statusCode,
      204,
    )
    t.equal(await login(user.email, next), 200)
    problem(
      t,
      await post('/password/reset', { token: body?.reset_token, new_password: goodPassword }),
      400,
      'invalid_one_time_token',
    )
  })

  await t.test('an undo ends every later link, never an earlier one', async (t) => {
    // The index of the link that is used first, and what every link can still do after it.
    for (const first of [0, 1, 2]) {
      const { access_token: access, user } = await signupVerified()
      const [second, third, fourth] = [freshEmail(), freshEmail(), freshEmail()]
      const links = [
        await move(access, user.email, second),
        await move(access, second, third),
        await move(access, third, fourth),
      ]
      const addresses = [user.email, second, third]
      t.equal((await undo(links[first])).statusCode, 200)
      t.equal(await emailOf(access), addresses[first])
      for (let later = 2; later >= first; later--)
        problem(t, await undo(links[later]), 400, 'invalid_one_time_token')
      t.equal(await emailOf(access), addresses[first], 'the dead ones change nothing')
      for (let earlier = first - 1; earlier >= 0; earlier--) {
        t.equal(
          (await undo(links[earlier])).statusCode,
          200,
          `link ${earlier} outlives link ${first}`,
        )
        t.equal(await emailOf(access), addresses[earlier])
      }
    }
  })

  await t.test('links of one account used at the same time: the oldest wins', async (t) => {
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
      t.ok(replies.every(({ statusCode }) => [200, 400].includes(statusCode)))
      t.equal(await emailOf(access), user.email)
    }
  })

  await t.test('an old reset token does not live again after a second undo', async (t) => {
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
    t.equal((await post('/password/reset', { token: second, new_password: next })).statusCode, 204)
  })

  await t.test(
    'an account that returns to a former address by hand ends that link and all later ones, and issues none',
    async (t) => {
      const { access_token: access, user } = await signupVerified()
      const [second, third] = [freshEmail(), freshEmail()]
      const links = [await move(access, user.email, second), await move(access, second, third)]
      t.equal(await move(access, third, second), '', 'the address in between gets no link')
      problem(t, await undo(links[1]), 400, 'invalid_one_time_token')
      t.equal(await emailOf(access), second)
      t.equal(await move(access, second, user.email), '')
      problem(t, await undo(links[0]), 400, 'invalid_one_time_token')
      t.match(await store.accounts.findById(user.id), { email: user.email, emailHistory: '[]' })
      const again = await move(access, user.email, second)
      t.equal((await undo(again)).statusCode, 200, 'a new change has a new link')
    },
  )

  await t.test('works if the account has that address already, and withdraws none', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const back = await move(access, user.email, freshEmail())
    await query(databaseUrl, `UPDATE users SET email = '${user.email}' WHERE id = '${user.id}'`)
    mails.length = 0
    t.equal((await undo(back)).statusCode, 200)
    await nextMail(user.email, /is back$/)
    t.notOk(mails.some(({ subject }) => subject.endsWith('changed back')))
  })

  await t.test('what ends a link', async (t) => {
    const events: Record<string, (id: string) => Promise<unknown>> = {
      deletion: async (id) => await query(databaseUrl, `DELETE FROM users WHERE id = '${id}'`),
      disabling: async (id) =>
        await query(databaseUrl, `UPDATE users SET disabled_at = created_at WHERE id = '${id}'`),
      'an empty history': async (id) =>
        await query(databaseUrl, `UPDATE users SET email_history = '[]' WHERE id = '${id}'`),
      time: async () => {
        time.now += (7 * 86_400 + 30) * 1000
      },
      'time, to the second, whatever the leeway of tokens': async () => {
        time.now += 7 * 86_400_000
      },
    }
    for (const [name, happen] of Object.entries(events)) {
      const { access_token: access, user } = await signupVerified()
      const back = await move(access, user.email, freshEmail())
      await happen(user.id)
      problem(t, await undo(back), 400, 'invalid_one_time_token')
      t.pass(name)
    }
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

  await t.test('what is not such a token, and what does not fit', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
    const back = await move(access, user.email, freshEmail())
    const asked = await ask(access, freshEmail())
    const { header, payload: claims } = decode(back)
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
      ['a change token', asked],
      ...[undefined, null, 5, '', 'another', ['x']].map((entry): [string, string] => [
        `entry ${String(entry)}`,
        make({ claims: { entry } }),
      ]),
    ]
    for (const [name, bad] of rows) {
      const reply = await undo(bad)
      t.strictSame([reply.statusCode, reply.json().code], [400, 'invalid_one_time_token'], name)
    }
    for (const value of notStrings) t.strictSame(pointers(t as Test, await undo(value)), ['/token'])
    for (const given of notObjects)
      t.strictSame(
        pointers(t as Test, await call('POST', '/email/undo', { body: given, headers: jsonType })),
        [''],
      )
    t.strictSame(
      pointers(
        t as Test,
        await call('POST', '/email/undo', { body: { token: back, password: 'x' } }),
      ),
      ['/password'],
    )
    t.equal((await undo(back)).statusCode, 200)
    problem(t, await confirm(asked), 400, 'invalid_one_time_token')
  })
  for (const secret of ['eyJ', goodPassword, next, 'example'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})
