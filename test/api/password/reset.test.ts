import t from 'tap'
import { Problem } from '../../../src/errors.js'
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
  type TestApp,
} from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import type { Forger } from '../../support/forger.js'
import { hostileTokens } from '../../support/hostile-tokens.js'
import { decode, forge, makeJwk, signer } from '../../support/forge.js'

const next = 'seven-green-kettles-whistle'

/** Asks for a reset and answers the token of the mail. */
async function askToken({ call, nextMail }: TestApp, email: string): Promise<string> {
  const reply = await call('POST', '/password/forgot', { body: { email } })
  if (reply.statusCode !== 202) throw new Error(reply.body)
  const mail = await nextMail(email, 'Reset')
  const token = tokenOf(mail, '/password/reset')
  if (!mail.html.includes(token)) throw new Error('the two parts differ')
  return token
}

await onEachDatabase(t, async (t, database) => {
  let away = false
  const test = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
    wrapStore: (store) => ({
      ...store,
      ping: async () => {
        if (away) throw new Problem('unavailable')
        await store.ping()
      },
    }),
  })
  const { call, signup, time, databaseUrl, mails, nextMail, logText, log } = test
  const forgot = async (body: unknown, headers = {}) =>
    await call('POST', '/password/forgot', { body, headers })
  const reset = async (token: unknown, password: unknown = next) =>
    await call('POST', '/password/reset', { body: { token, new_password: password } })
  const login = async (email: string, password: string) =>
    (await call('POST', '/login', { body: { email, password } })).statusCode

  await t.test('POST /password/forgot answers every address alike', async (t) => {
    const { user } = await signup()
    const replies = [
      await forgot({ email: user.email }),
      await forgot({ email: 'nobody@example.org' }),
      await forgot({ email: ` ${user.email.toUpperCase()} ` }),
    ]
    for (const reply of replies)
      t.strictSame(
        [reply.statusCode, reply.body, headerNames(reply)],
        [202, '{}', headerNames(replies[0] as typeof reply)],
      )
    t.match(replies[0]?.headers, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    })
    for (let i = 0; i < 2; i++) await nextMail(user.email, 'Reset')
    t.strictSame(
      mails.filter(({ subject }) => subject.startsWith('Reset')),
      [],
      'no mail to an address without an account',
    )
    for (const [body, expected] of [
      [{}, ['/email']],
      [{ email: user.email, redirect_to: 'https://evil.example' }, ['/redirect_to']],
      [{ email: 'ada' }, ['/email']],
      ...notStrings.map((email) => [{ email }, ['/email']]),
    ] as Array<[object, string[]]>)
      t.strictSame(pointers(t, await forgot(body)), expected)
    for (const body of notObjects) t.strictSame(pointers(t, await forgot(body, jsonType)), [''])
    away = true
    for (const email of [user.email, 'nobody@example.org'])
      problem(t, await forgot({ email }), 503, 'unavailable')
    away = false
    await query(databaseUrl, `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`)
    t.equal((await forgot({ email: user.email })).statusCode, 202)
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
    t.strictSame(
      mails.filter(({ subject }) => subject.startsWith('Reset')),
      [],
      'nor to a disabled account',
    )
  })

  await t.test('a link sets a new password once, and ends every login', async (t) => {
    const { user, refresh_token: refreshToken, access_token: access } = await signup()
    const token = await askToken(test, user.email)
    const sibling = await askToken(test, user.email)
    const { header, payload } = decode(token)
    t.match(header, { typ: 'reset+jwt' })
    const iat = time.now / 1000
    t.strictSame(
      { ...payload, jti: '', bind: '' },
      {
        iss: 'http://localhost:3000',
        aud: 'http://localhost:3000/links',
        sub: user.id,
        iat,
        exp: iat + 1800,
        jti: '',
        bind: '',
      },
      'and no address',
    )
    t.ok(token.length < 600)
    for (const [weak, reason] of [
      ['short', 'too_short'],
      ['password1', 'too_guessable'],
      [`${user.email}${next}`, 'contains_email'],
    ] as const)
      t.ok(
        (problem(t, await reset(token, weak), 422, 'weak_password').reasons as string[]).includes(
          reason,
        ),
      )
    t.equal(await login(user.email, goodPassword), 200, 'nothing has happened yet')
    const reply = await reset(token)
    t.strictSame(
      [reply.statusCode, reply.body, reply.headers['set-cookie'], reply.headers['cache-control']],
      [204, '', undefined, 'no-store'],
      'it does not log in',
    )
    for (const used of [token, sibling])
      problem(t, await reset(used, goodPassword), 400, 'invalid_one_time_token')
    t.strictSame([await login(user.email, goodPassword), await login(user.email, next)], [401, 200])
    problem(
      t,
      await call('POST', '/refresh', { body: { refresh_token: refreshToken } }),
      401,
      'invalid_refresh_token',
    )
    t.match(
      (await call('GET', '/me', { token: access })).json(),
      { email_verified: true },
      'who reads the mailbox has proven the address',
    )
    const notice = await nextMail(user.email, 'Your password')
    t.match(notice.subject, /was reset/)
    t.notMatch(notice.text, /token=/)
  })

  await t.test('of twenty uses at once, one wins', async (t) => {
    const { user } = await signup()
    const token = await askToken(test, user.email)
    const replies = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => await reset(token, `${next}-${index}`)),
    )
    const won = replies.findIndex(({ statusCode }) => statusCode === 204)
    for (const [index, reply] of replies.entries())
      if (index !== won) problem(t, reply, 400, 'invalid_one_time_token')
    t.equal(await login(user.email, `${next}-${won}`), 200)
  })

  await t.test('what ends a link', async (t) => {
    const events: Record<string, (person: Awaited<ReturnType<typeof signup>>) => Promise<unknown>> =
      {
        'a password change': async ({ access_token: token }) =>
          await call('POST', '/password/change', {
            token,
            body: { current_password: goodPassword, new_password: `${next}-x` },
          }),
        'another address': async ({ user }) =>
          await query(
            databaseUrl,
            `UPDATE users SET email = 'new-${user.email}' WHERE id = '${user.id}'`,
          ),
        disabling: async ({ user }) =>
          await query(
            databaseUrl,
            `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`,
          ),
        deletion: async ({ user }) =>
          await query(databaseUrl, `DELETE FROM users WHERE id = '${user.id}'`),
        'the same address, of a new account': async ({ user }) => {
          await query(databaseUrl, `DELETE FROM users WHERE id = '${user.id}'`)
          await signup({ email: user.email })
        },
        time: async () => {
          time.now += (1800 + 30) * 1000
        },
      }
    for (const [name, happen] of Object.entries(events)) {
      const person = await signup()
      const token = await askToken(test, person.user.email)
      await happen(person)
      const { request_id: _, ...body } = problem(
        t,
        await reset(token),
        400,
        'invalid_one_time_token',
      )
      t.match(body, { detail: /Ask for a new mail/ }, name)
    }
    const { user, access_token: access } = await signup()
    const token = await askToken(test, user.email)
    await call('POST', '/logout/everywhere', { token: access })
    time.now += (1800 + 30) * 1000 - 1
    t.equal(
      (await reset(token)).statusCode,
      204,
      'logging out does not, and the last millisecond is good',
    )
  })

  await t.test(
    'who signed up with the address of somebody else loses everything when its owner resets',
    async (t) => {
      const email = 'victim@example.org'
      const thief = await signup({ email })
      const token = await askToken(test, email)
      t.equal((await reset(token)).statusCode, 204)
      t.equal(await login(email, goodPassword), 401)
      problem(
        t,
        await call('POST', '/refresh', { body: { refresh_token: thief.refresh_token } }),
        401,
        'invalid_refresh_token',
      )
      problem(
        t,
        await call('POST', '/password/change', {
          token: thief.access_token,
          body: { current_password: goodPassword, new_password: `${next}-y` },
        }),
        403,
        'wrong_password',
      )
      problem(
        t,
        await call('DELETE', '/me', {
          token: thief.access_token,
          body: { password: goodPassword },
        }),
        403,
        'wrong_password',
      )
    },
  )

  await t.test('what is no such token', async (t) => {
    const person = await signup()
    const token = await askToken(test, person.user.email)
    const { header, payload } = decode(token)
    const jwk = test.jwks.keys[0] ?? {}
    const make: Forger['make'] = (changes = {}) =>
      forge(
        { ...header, ...changes.header },
        { ...payload, ...changes.claims },
        changes.sign ?? signer(jwk),
      )
    const rows = Object.values(
      hostileTokens({ ...test, make, header, claims: payload, jwk } as unknown as Forger),
    ).flat()
    rows.push(
      ['an access token', person.access_token],
      ['a refresh token', person.refresh_token],
      ['nothing', ''],
      ['a strange key', make({ sign: signer(makeJwk('ES256')) })],
      ['no bind', make({ claims: { bind: undefined } })],
      ['an empty bind', make({ claims: { bind: '' } })],
      ['another bind', make({ claims: { bind: 'x' } })],
      ['bind as an array', make({ claims: { bind: [payload.bind] } })],
    )
    for (const [name, bad] of rows)
      t.strictSame(
        [(await reset(bad)).statusCode, (await reset(bad)).json().code],
        [400, 'invalid_one_time_token'],
        name,
      )
    for (const value of notStrings) t.strictSame(pointers(t, await reset(value)), ['/token'])
    for (const value of notStrings)
      t.strictSame(pointers(t, await reset(token, value)), ['/new_password'])
    t.strictSame(pointers(t, await reset(token, '\ud800'.repeat(20))), ['/new_password'])
    t.equal((await reset(token)).statusCode, 204, 'the token that they were made of is good')
  })
  t.notOk(log().some(({ level }) => Number(level) > 40))
  for (const secret of ['eyJ', goodPassword, next, '@example.org'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})
