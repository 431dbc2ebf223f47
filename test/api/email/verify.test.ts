import t from 'tap'
import { Problem } from '../../../src/errors.js'
import { openPage } from '../../support/browser.js'
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
import { refusesHostileTokens, takeApart } from '../../support/one-time-tokens.js'
import { refusesMisfits } from '../../support/misfits.js'
import { everyRowIs } from '../../support/table.js'
import { freePort } from '../../support/cluster.js'
import { createSignupTokens } from '../../../src/tokens/signup-token.js'
import { decode, forge, signer } from '../../support/forge.js'

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
  const { call, signup, time, stored, mails, nextMail, logText, jwks } = test
  const verify = async (token: unknown) => await call('POST', '/email/verify', { body: { token } })
  const resend = async (body: unknown, headers = {}) =>
    await call('POST', '/email/resend', { body, headers })

  await t.test(
    'a sign-up mails a link that verifies the address, any number of times',
    async (t) => {
      const { user, access_token: access, refresh_token: refreshToken } = await signup()
      t.equal(user.email_verified, false, 'a new account is not verified')
      const mail = await nextMail(user.email, 'Confirm')
      const token = tokenOf(mail, '/email/verify')
      t.ok(mail.html.includes(token), 'both parts of the mail have the link')
      const { header, payload } = decode(token)
      const iat = time.now / 1000
      t.strictSame(
        { typ: header.typ, ...payload, jti: '', bind: '' },
        {
          typ: 'verify+jwt',
          iss: 'http://localhost:3000',
          aud: 'http://localhost:3000/links',
          sub: user.id,
          iat,
          exp: iat + 86_400,
          jti: '',
          bind: '',
        },
        'the claims of the link',
      )
      time.now += 60_000
      const replies = [
        await verify(token),
        ...(await Promise.all(Array.from({ length: 20 }, async () => await verify(token)))),
        await verify(token),
      ]
      t.strictSame(
        replies.map((reply) => [reply.statusCode, reply.json()]),
        replies.map(() => [200, { email_verified: true }]),
        'each use succeeds',
      )
      t.match(
        (await call('GET', '/me', { token: access })).json(),
        { email_verified: true, updated_at: new Date(time.now).toISOString() },
        'GET /me',
      )
      t.equal(
        (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode,
        200,
        'refresh tokens remain valid',
      )
      await resend({ email: user.email })
      await new Promise((resolve) => {
        setTimeout(resolve, 100)
      })
      t.strictSame(mails, [], 'a verified address gets no other mail')
    },
  )

  await t.test('POST /email/resend has the same reply for every address', async (t) => {
    const { user } = await signup()
    await nextMail(user.email, 'Confirm')
    const replies = [
      await resend({ email: user.email }),
      await resend({ email: 'nobody@example.org' }),
    ]
    const seen = replies.map((reply) => [reply.statusCode, reply.body, headerNames(reply)])
    t.match(seen[0], [202, '{}'], 'a known address')
    t.strictSame(seen[1], seen[0], 'an unknown address has the same reply')
    const token = tokenOf(await nextMail(user.email, 'Confirm'))
    t.equal(outcome(await verify(token)), '200', 'the mail has a link that works')
    const good = { email: user.email }
    await refusesMisfits(t, async (body) => await resend(body, jsonType), good, [
      ['empty', {}, ['/email']],
      ['not an address', { email: 'ada' }, ['/email']],
      ['one more member', { ...good, x: 1 }, ['/x']],
    ])
    away = true
    for (const [name, email] of [
      ['a known address', user.email],
      ['an unknown address', 'nobody@example.org'],
    ] as const)
      problem(t, await resend({ email }), 503, 'unavailable', `${name}, without the database`)
    away = false
  })

  await t.test(
    'another address, deletion and time end a link; a new password does not',
    async (t) => {
      const events: Record<string, (id: string) => Promise<unknown>> = {
        'another address': async (id) => {
          await stored.setEmail(id, `new-${id}@example.org`)
        },
        deletion: stored.delete,
        time: async () => {
          time.now += (86_400 + 30) * 1000
        },
      }
      await everyRowIs(
        t,
        Object.entries(events),
        '400 invalid_one_time_token',
        async (happen) => {
          const { user } = await signup()
          const token = tokenOf(await nextMail(user.email, 'Confirm'))
          await happen(user.id)
          return outcome(await verify(token))
        },
        'each event ends the link',
      )
      const { user, access_token: access } = await signup()
      const token = tokenOf(await nextMail(user.email, 'Confirm'))
      await call('POST', '/password/change', {
        token: access,
        body: { current_password: goodPassword, new_password: `${goodPassword}-2` },
      })
      time.now += (86_400 + 30) * 1000 - 1
      t.equal(
        outcome(await verify(token)),
        '200',
        'after a password change, in the last millisecond',
      )
    },
  )

  await t.test('POST /email/verify refuses every hostile token', async (t) => {
    const { user, access_token: access, refresh_token: refreshToken } = await signup()
    const token = tokenOf(await nextMail(user.email, 'Confirm'))
    await call('POST', '/password/forgot', { body: { email: user.email } })
    const reset = tokenOf(await nextMail(user.email, 'Reset'))
    const { header, payload } = decode(reset)
    await refusesHostileTokens(t, takeApart(test, token), verify, [
      ['an access token', access],
      ['a refresh token', refreshToken],
      ['a reset token', reset],
      [
        'a reset token with the right typ',
        forge({ ...header, typ: 'verify+jwt' }, payload, signer(jwks.keys[0] ?? {})),
      ],
      ['an empty token', ''],
    ])
    problem(
      t,
      await call('POST', '/password/reset', { body: { token, new_password: `${goodPassword}-3` } }),
      400,
      'invalid_one_time_token',
      'another route takes no verification token',
    )
    await refusesMisfits(
      t,
      async (body) => await call('POST', '/email/verify', { body, headers: jsonType }),
      { token },
    )
    t.equal(outcome(await verify(token)), '200', 'the unchanged token works')
  })
  for (const secret of ['eyJ', goodPassword, '@example.org'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})

t.test('the page of the link, in a browser', async (t) => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { app, call, signup, nextMail, time, ring, config } = await buildTestApp(t, {
    env: { APP_URL: url },
  })
  time.now = Date.now()
  await app.listen({ host: '127.0.0.1', port })
  const { user, access_token: access } = await signup()
  const [link = ''] = /http\S+/.exec((await nextMail(user.email, 'Confirm')).text) ?? []
  const { page, complaints } = await openPage(t)
  await page.goto(link)
  t.equal(page.url(), `${url}/email/verify`, 'the token has left the address bar')
  t.match(
    (await call('GET', '/me', { token: access })).json(),
    { email_verified: false },
    'opening the page changes nothing',
  )
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByRole('status').filter({ hasText: 'Your address is confirmed' }).waitFor()
  t.match(
    (await call('GET', '/me', { token: access })).json(),
    { email_verified: true },
    'the button verifies the address',
  )
  const made = await createSignupTokens({
    ring,
    issuer: config.PUBLIC_URL,
    clock: () => time.now,
  }).issue({ email: 'new@example.org', name: null, passwordHash: 'x' })
  for (const expected of ['Your account has been created', 'no longer valid']) {
    await page.goto('about:blank')
    await page.goto(`${url}/email/verify#token=${made}`)
    await page.getByRole('button').click()
    await page.getByRole('status').filter({ hasText: expected }).waitFor()
    t.equal(await page.getByRole('button').count(), 0, 'the page has no button after it')
    t.notMatch(await page.content(), /eyJ/, 'the page shows no token')
  }
  await page.goto('about:blank')
  await page.goto(`${url}/email/verify#token=nonsense`)
  await page.getByRole('button').click()
  await page.getByRole('status').filter({ hasText: 'no longer valid' }).waitFor()
  t.strictSame(
    complaints.filter((line) => !line.includes('status of 400')),
    [],
    'the browser does not complain',
  )
})

t.test('a link of an account that changes meanwhile is refused', async (t) => {
  const { signup, nextMail, call } = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: { ...store.accounts, verifyEmail: async () => false },
    }),
  })
  const { user } = await signup()
  problem(
    t,
    await call('POST', '/email/verify', {
      body: { token: tokenOf(await nextMail(user.email, 'Confirm')) },
    }),
    400,
    'invalid_one_time_token',
  )
})
