import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  onEachDatabase,
  outcome,
  problem,
  type TestApp,
} from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { refusesHostileTokens, takeApart } from '../../support/one-time-tokens.js'
import { refusesMisfits } from '../../support/misfits.js'
import { everyRowIs, tableIs } from '../../support/table.js'
import { decode, makeJwk, signer } from '../../support/forge.js'

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
  const { call, signup, time, stored, mails, nextMail, logText, log } = test
  const forgot = async (body: unknown, headers = {}) =>
    await call('POST', '/password/forgot', { body, headers })
  const reset = async (token: unknown, password: unknown = next) =>
    await call('POST', '/password/reset', { body: { token, new_password: password } })
  const login = async (email: string, password: string) =>
    (await call('POST', '/login', { body: { email, password } })).statusCode

  await t.test('POST /password/forgot has the same reply for every address', async (t) => {
    const { user } = await signup()
    const addresses = [
      ['a known address', user.email],
      ['an unknown address', 'nobody@example.org'],
      ['a known address in capitals, with spaces', ` ${user.email.toUpperCase()} `],
    ] as const
    await everyRowIs(
      t,
      addresses,
      {
        status: 202,
        body: '{}',
        type: 'application/json; charset=utf-8',
        cache: 'no-store',
        headers: headerNames(await forgot({ email: 'other@example.org' })),
      },
      async (email) => {
        const reply = await forgot({ email })
        const { 'content-type': type, 'cache-control': cache } = reply.headers
        const { statusCode: status, body } = reply
        return { status, body, type, cache, headers: headerNames(reply) }
      },
      'the replies are the same',
    )
    for (let i = 0; i < 2; i++) await nextMail(user.email, 'Reset')
    t.strictSame(
      mails.filter(({ subject }) => subject.startsWith('Reset')),
      [],
      'no mail to an address without an account',
    )
    const good = { email: user.email }
    await refusesMisfits(t, async (body) => await forgot(body, jsonType), good, [
      ['empty', {}, ['/email']],
      ['one more member', { ...good, redirect_to: 'https://evil.example' }, ['/redirect_to']],
      ['not an address', { email: 'ada' }, ['/email']],
    ])
    away = true
    await everyRowIs(
      t,
      addresses,
      '503 unavailable',
      async (email) => outcome(await forgot({ email })),
      'without the database',
    )
    away = false
    await stored.disable(user.id)
    t.equal(outcome(await forgot({ email: user.email })), '202', 'a disabled account')
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
    t.strictSame(
      mails.filter(({ subject }) => subject.startsWith('Reset')),
      [],
      'no mail to a disabled account',
    )
  })

  await t.test('a link sets a new password once and ends every login', async (t) => {
    const { user, refresh_token: refreshToken, access_token: access } = await signup()
    const token = await askToken(test, user.email)
    const sibling = await askToken(test, user.email)
    const { header, payload } = decode(token)
    const iat = time.now / 1000
    t.strictSame(
      { typ: header.typ, ...payload, jti: '', bind: '' },
      {
        typ: 'reset+jwt',
        iss: 'http://localhost:3000',
        aud: 'http://localhost:3000/links',
        sub: user.id,
        iat,
        exp: iat + 1800,
        jti: '',
        bind: '',
      },
      'the claims of the link, without the address',
    )
    t.ok(token.length < 600, 'the link is short')
    await tableIs(
      t,
      [
        ['short', 'short', 'too_short'],
        ['common', 'password1', 'too_guessable'],
        ['with the address', `${user.email}${next}`, 'contains_email'],
      ].map(([name = '', weak, reason]) => [name, weak, ['422 weak_password', reason]] as const),
      async (weak) => {
        const reply = await reset(token, weak)
        return [outcome(reply), reply.json().reasons[0]]
      },
      'weak passwords are refused with a reason',
    )
    t.equal(await login(user.email, goodPassword), 200, 'the password has not changed yet')
    const reply = await reset(token)
    t.strictSame(
      [reply.statusCode, reply.body, reply.headers['set-cookie'], reply.headers['cache-control']],
      [204, '', undefined, 'no-store'],
      'the reply logs no one in',
    )
    for (const [name, used] of Object.entries({ 'the same link': token, 'a sibling': sibling }))
      problem(t, await reset(used, goodPassword), 400, 'invalid_one_time_token', name)
    t.strictSame(
      [await login(user.email, goodPassword), await login(user.email, next)],
      [401, 200],
      'the old password is refused and the new one works',
    )
    problem(
      t,
      await call('POST', '/refresh', { body: { refresh_token: refreshToken } }),
      401,
      'invalid_refresh_token',
    )
    t.match(
      (await call('GET', '/me', { token: access })).json(),
      { email_verified: true },
      'the link has proven the address',
    )
    const notice = await nextMail(user.email, 'Your password')
    t.match(notice.subject, /was reset/, 'the subject of the notice')
    t.notMatch(notice.text, /token=/, 'the notice has no link with a token')
  })

  await t.test('one of twenty uses at once wins', async (t) => {
    const { user } = await signup()
    const token = await askToken(test, user.email)
    const replies = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => await reset(token, `${next}-${index}`)),
    )
    const won = replies.findIndex(({ statusCode }) => statusCode === 204)
    t.strictSame(
      replies.map(outcome),
      replies.map((_, index) => (index === won ? '204' : '400 invalid_one_time_token')),
      'one wins',
    )
    t.equal(await login(user.email, `${next}-${won}`), 200, 'with its password')
  })

  await t.test('a link ends with any change that must end it', async (t) => {
    const events: Record<string, (person: Awaited<ReturnType<typeof signup>>) => Promise<unknown>> =
      {
        'a password change': async ({ access_token: token }) =>
          await call('POST', '/password/change', {
            token,
            body: { current_password: goodPassword, new_password: `${next}-x` },
          }),
        'another address': async ({ user }) => {
          await stored.setEmail(user.id, `new-${user.email}`)
        },
        disabling: async ({ user }) => {
          await stored.disable(user.id)
        },
        deletion: async ({ user }) => {
          await stored.delete(user.id)
        },
        'the same address, of a new account': async ({ user }) => {
          await stored.delete(user.id)
          await signup({ email: user.email })
        },
        time: async () => {
          time.now += (1800 + 30) * 1000
        },
      }
    await everyRowIs(
      t,
      Object.entries(events),
      '400 invalid_one_time_token',
      async (happen) => {
        const person = await signup()
        const token = await askToken(test, person.user.email)
        await happen(person)
        return outcome(await reset(token))
      },
      'each event ends the link',
    )
    const { user, access_token: access } = await signup()
    const token = await askToken(test, user.email)
    await call('POST', '/logout/everywhere', { token: access })
    time.now += (1800 + 30) * 1000 - 1
    t.equal(
      outcome(await reset(token)),
      '204',
      'after logging out everywhere, in the last millisecond',
    )
  })

  await t.test(
    'a reset by the owner of the address locks out a stranger that signed up with it',
    async (t) => {
      const email = 'victim@example.org'
      const thief = await signup({ email })
      const token = await askToken(test, email)
      t.equal(outcome(await reset(token)), '204', 'the owner resets')
      t.equal(await login(email, goodPassword), 401, "the stranger's password")
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

  await t.test('POST /password/reset refuses every hostile token and misfit', async (t) => {
    const person = await signup()
    const token = await askToken(test, person.user.email)
    const parts = takeApart(test, token)
    const { make, claims } = parts
    await refusesHostileTokens(t, parts, reset, [
      ['an access token', person.access_token],
      ['a refresh token', person.refresh_token],
      ['an empty token', ''],
      ['a strange key', make({ sign: signer(makeJwk('ES256')) })],
      ['no bind', make({ claims: { bind: undefined } })],
      ['an empty bind', make({ claims: { bind: '' } })],
      ['another bind', make({ claims: { bind: 'x' } })],
      ['bind as an array', make({ claims: { bind: [claims.bind] } })],
    ])
    const good = { token, new_password: next }
    await refusesMisfits(
      t,
      async (body) => await call('POST', '/password/reset', { body, headers: jsonType }),
      good,
      [['ill-formed text', { ...good, new_password: '\ud800'.repeat(20) }, ['/new_password']]],
    )
    t.equal(outcome(await reset(token)), '204', 'the unchanged token works')
  })
  t.notOk(
    log().some(({ level }) => Number(level) > 40),
    'the log has no error',
  )
  for (const secret of ['eyJ', goodPassword, next, '@example.org'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})
