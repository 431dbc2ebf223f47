import t from 'tap'
import { Problem } from '../../../src/errors.js'
import { openPage } from '../../support/browser.js'
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
import type { Forger } from '../../support/forger.js'
import { hostileTokens } from '../../support/hostile-tokens.js'
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
  const { call, signup, time, databaseUrl, mails, nextMail, logText, jwks } = test
  const verify = async (token: unknown) => await call('POST', '/email/verify', { body: { token } })
  const resend = async (body: unknown, headers = {}) =>
    await call('POST', '/email/resend', { body, headers })

  await t.test(
    'signing up mails a link that verifies the address, any number of times',
    async (t) => {
      const { user, access_token: access, refresh_token: refreshToken } = await signup()
      t.equal(user.email_verified, false)
      const mail = await nextMail(user.email, 'Confirm')
      const token = tokenOf(mail, '/email/verify')
      t.ok(mail.html.includes(token))
      const { header, payload } = decode(token)
      t.match(header, { typ: 'verify+jwt' })
      const iat = time.now / 1000
      t.strictSame(
        { ...payload, jti: '', bind: '' },
        {
          iss: 'http://localhost:3000',
          aud: 'http://localhost:3000/links',
          sub: user.id,
          iat,
          exp: iat + 86_400,
          jti: '',
          bind: '',
        },
      )
      time.now += 60_000
      const replies = [
        await verify(token),
        ...(await Promise.all(Array.from({ length: 20 }, async () => await verify(token)))),
        await verify(token),
      ]
      for (const reply of replies)
        t.strictSame([reply.statusCode, reply.json()], [200, { email_verified: true }])
      t.match((await call('GET', '/me', { token: access })).json(), {
        email_verified: true,
        updated_at: new Date(time.now).toISOString(),
      })
      t.equal(
        (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode,
        200,
        'nobody is logged out',
      )
      await resend({ email: user.email })
      await new Promise((resolve) => {
        setTimeout(resolve, 100)
      })
      t.strictSame(mails, [], 'a verified address needs no other mail')
    },
  )

  await t.test('POST /email/resend answers every address alike', async (t) => {
    const { user } = await signup()
    await nextMail(user.email, 'Confirm')
    const replies = [
      await resend({ email: user.email }),
      await resend({ email: 'nobody@example.org' }),
    ]
    for (const reply of replies)
      t.strictSame(
        [reply.statusCode, reply.body, headerNames(reply)],
        [202, '{}', headerNames(replies[0] as typeof reply)],
      )
    t.equal((await verify(tokenOf(await nextMail(user.email, 'Confirm')))).statusCode, 200)
    for (const [body, expected] of [
      [{}, ['/email']],
      [{ email: 'ada' }, ['/email']],
      [{ email: user.email, x: 1 }, ['/x']],
      ...notStrings.map((email) => [{ email }, ['/email']]),
    ] as Array<[object, string[]]>)
      t.strictSame(pointers(t, await resend(body)), expected)
    for (const body of notObjects) t.strictSame(pointers(t, await resend(body, jsonType)), [''])
    away = true
    for (const email of [user.email, 'nobody@example.org'])
      problem(t, await resend({ email }), 503, 'unavailable')
    away = false
  })

  await t.test('what ends a link, and what does not', async (t) => {
    const events: Record<string, (id: string) => Promise<unknown>> = {
      'another address': async (id) =>
        await query(
          databaseUrl,
          `UPDATE users SET email = 'new-${id}@example.org' WHERE id = '${id}'`,
        ),
      deletion: async (id) => await query(databaseUrl, `DELETE FROM users WHERE id = '${id}'`),
      time: async () => {
        time.now += (86_400 + 30) * 1000
      },
    }
    for (const [name, happen] of Object.entries(events)) {
      const { user } = await signup()
      const token = tokenOf(await nextMail(user.email, 'Confirm'))
      await happen(user.id)
      problem(t, await verify(token), 400, 'invalid_one_time_token')
      t.pass(name)
    }
    const { user, access_token: access } = await signup()
    const token = tokenOf(await nextMail(user.email, 'Confirm'))
    await call('POST', '/password/change', {
      token: access,
      body: { current_password: goodPassword, new_password: `${goodPassword}-2` },
    })
    time.now += (86_400 + 30) * 1000 - 1
    t.equal(
      (await verify(token)).statusCode,
      200,
      'a password change does not; the last millisecond is good',
    )
  })

  await t.test('what is no such token', async (t) => {
    const { user, access_token: access, refresh_token: refreshToken } = await signup()
    const token = tokenOf(await nextMail(user.email, 'Confirm'))
    const { header, payload: claims } = decode(token)
    const jwk = jwks.keys[0] ?? {}
    const make: Forger['make'] = (changes = {}) =>
      forge(
        { ...header, ...changes.header },
        { ...claims, ...changes.claims },
        changes.sign ?? signer(jwk),
      )
    await call('POST', '/password/forgot', { body: { email: user.email } })
    const reset = tokenOf(await nextMail(user.email, 'Reset'))
    const rows: Array<[string, string]> = [
      ...Object.values(
        hostileTokens({ ...test, make, header, claims, jwk } as unknown as Forger),
      ).flat(),
      ['an access token', access],
      ['a refresh token', refreshToken],
      ['a reset token', reset],
      [
        'a reset token with the right typ',
        forge({ ...decode(reset).header, typ: 'verify+jwt' }, decode(reset).payload, signer(jwk)),
      ],
      ['nothing', ''],
    ]
    for (const [name, bad] of rows)
      t.strictSame(
        [(await verify(bad)).statusCode, (await verify(bad)).json().code],
        [400, 'invalid_one_time_token'],
        name,
      )
    problem(
      t,
      await call('POST', '/password/reset', { body: { token, new_password: `${goodPassword}-3` } }),
      400,
      'invalid_one_time_token',
    )
    for (const value of notStrings) t.strictSame(pointers(t, await verify(value)), ['/token'])
    t.equal((await verify(token)).statusCode, 200)
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
    'to look at the page changes nothing',
  )
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByRole('status').filter({ hasText: 'Your address is confirmed' }).waitFor()
  t.match((await call('GET', '/me', { token: access })).json(), { email_verified: true })
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
    t.equal(await page.getByRole('button').count(), 0, 'there is nothing more to do')
    t.notMatch(await page.content(), /eyJ/, 'the page shows no token')
  }
  await page.goto('about:blank')
  await page.goto(`${url}/email/verify#token=nonsense`)
  await page.getByRole('button').click()
  await page.getByRole('status').filter({ hasText: 'no longer valid' }).waitFor()
  t.strictSame(
    complaints.filter((line) => !line.includes('status of 400')),
    [],
  )
})

t.test('an account that changes in between', async (t) => {
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
