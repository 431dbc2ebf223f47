import argon2 from 'argon2'
import t, { type Test } from 'tap'
import { Problem } from '../../../src/errors.js'
import { limits } from '../../../src/limits/table.js'
import {
  buildTestApp,
  type DatabaseKind,
  goodPassword,
  headerNames,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  pointers,
  problem,
  type TestOptions,
} from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { contentKey, open } from '../../support/seal.js'

async function setUp(t: Test, database: DatabaseKind, { env, ...options }: TestOptions = {}) {
  const test = await buildTestApp(t, {
    database,
    env: { SIGNUP_MODE: 'verify_first', RATE_LIMITS: 'off', ...env },
    ...options,
  })
  const { call, nextMail, stored } = test
  const signup = async (body: unknown, headers = {}) =>
    await call('POST', '/signup', { body, headers })
  return {
    ...test,
    signup,
    verify: async (token: unknown) => await call('POST', '/email/verify', { body: { token } }),
    rows: stored.rows,
    /** Signs up and answers the token of the mail. */
    ask: async (email: string, more: object = {}) => {
      const reply = await signup({ email, password: goodPassword, ...more })
      if (reply.statusCode !== 202) throw new Error(reply.body)
      return tokenOf(await nextMail(email, 'Finish'))
    },
  }
}

await onEachDatabase(t, async (t, database) => {
  await t.test('the account is made by the link of the mail, once', async (t) => {
    const { call, signup, ask, verify, rows, nextMail, mails, time, jwks } = await setUp(
      t,
      database,
    )
    const reply = await signup({ email: ' Ada@Example.ORG ', password: goodPassword, name: 'Ada' })
    t.strictSame(
      [reply.statusCode, reply.body, reply.headers.location, reply.headers['cache-control']],
      [202, '{}', undefined, 'no-store'],
    )
    const mail = await nextMail('ada@example.org', 'Finish')
    const { text, html } = mail
    const token = tokenOf(mail)
    t.ok(html.includes(token))
    t.match(text, /ignore this mail/)
    t.match(text, /http:\/\/localhost:3000\/email\/verify#token=/)
    for (const part of [text, html])
      t.notMatch(part, /Ada|argon2|brass/, 'no word of whoever signed up')
    t.strictSame([await rows(), mails], [[], []], 'nothing is stored')
    t.equal(
      (
        await call('POST', '/login', { body: { email: 'ada@example.org', password: goodPassword } })
      ).json().code,
      'invalid_credentials',
    )
    t.match(open(token, contentKey(jwks.keys[0] ?? {})), {
      header: { typ: 'signup+jwt' },
      payload: {
        email: 'ada@example.org',
        name: 'Ada',
        password_hash: /^\$argon2id\$v=19\$m=1024,t=2,p=1\$/,
      },
    })

    time.now += 60_000
    const sibling = await ask('ada@example.org', { password: `${goodPassword}-2` })
    const replies = await Promise.all(Array.from({ length: 20 }, async () => await verify(token)))
    const [won, ...others] = replies.sort((a, b) => a.statusCode - b.statusCode)
    t.match(won?.headers, { location: '/me', 'cache-control': 'no-store' })
    t.equal(won?.statusCode, 201)
    const { access_token: access, refresh_token: refresh, user, ...rest } = won?.json()
    const now = new Date(time.now).toISOString()
    t.strictSame(rest, { token_type: 'Bearer', expires_in: 600, refresh_expires_in: 2592000 })
    t.strictSame(user, {
      id: user.id,
      email: 'ada@example.org',
      email_verified: true,
      name: 'Ada',
      created_at: now,
      updated_at: now,
    })
    for (const other of [...others, await verify(token), await verify(sibling)])
      problem(t, other, 400, 'invalid_one_time_token')
    t.equal((await rows()).length, 1)
    t.strictSame((await call('GET', '/me', { token: access })).json(), user)
    t.equal((await call('POST', '/refresh', { body: { refresh_token: refresh } })).statusCode, 200)
    t.equal(
      (await call('POST', '/login', { body: { email: 'ada@example.org', password: goodPassword } }))
        .statusCode,
      200,
    )
    t.equal(
      (
        await call('POST', '/login', {
          body: { email: 'ada@example.org', password: `${goodPassword}-2` },
        })
      ).statusCode,
      401,
    )
  })

  await t.test('a taken address is answered alike, and its owner alone is told', async (t) => {
    let away = false
    const gate = { closed: false, asked: 0 }
    const { signup, ask, verify, rows, nextMail, mails, call, stored, logText } = await setUp(
      t,
      database,
      {
        wrapStore: (store) => ({
          ...store,
          ping: async () => {
            if (away) throw new Problem('unavailable')
            await store.ping()
          },
          accounts: {
            ...store.accounts,
            findByEmail: async (email) => {
              gate.asked++
              if (gate.closed) throw new Problem('unavailable')
              return await store.accounts.findByEmail(email)
            },
          },
        }),
      },
    )
    const email = 'ada@example.org'
    await verify(await ask(email, { name: 'Ada' }))
    const before = await rows()
    const hashes = t.capture(argon2, 'hash', argon2.hash)
    gate.closed = true
    const replies = []
    for (const one of [email, 'new@example.org', ` ${email.toUpperCase()}`]) {
      replies.push(await signup({ email: one, password: `${goodPassword}-2`, name: 'Mallory' }))
      t.equal(
        hashes().length,
        1,
        'the same work for each, and the account is looked up after the answer',
      )
    }
    for (const reply of replies)
      t.strictSame(
        [reply.statusCode, reply.body, headerNames(reply)],
        [202, '{}', headerNames(replies[1] as typeof reply)],
      )
    gate.closed = false
    await nextMail('new@example.org', 'Finish')
    const notice = await nextMail(email, 'You have an account')
    await nextMail(email, 'You have an account')
    t.strictSame([mails, await rows()], [[], before], 'nothing has changed')
    for (const part of [notice.text, notice.html, notice.subject])
      t.notMatch(part, /Mallory|argon2|email\/verify/)
    t.match(notice.text, /log in at http:\/\/localhost:3000/)
    t.equal(
      (
        await call('POST', '/password/reset', {
          body: { token: tokenOf(notice), new_password: `${goodPassword}-3` },
        })
      ).statusCode,
      204,
      'its link is a way in',
    )

    for (const one of [email, 'new@example.org']) {
      for (const [weak, reason] of [
        ['short', 'too_short'],
        ['password1', 'too_guessable'],
        ['x'.repeat(257), 'too_long'],
      ] as const)
        t.ok(
          (
            problem(t, await signup({ email: one, password: weak }), 422, 'weak_password')
              .reasons as string[]
          ).includes(reason),
        )
      t.strictSame(pointers(t, await signup({ email: one, password: `${goodPassword}\ud800` })), [
        '/password',
      ])
      away = true
      problem(t, await signup({ email: one, password: goodPassword }), 503, 'unavailable')
      away = false
    }
    await stored.disable(email)
    const asked = gate.asked
    t.equal((await signup({ email, password: goodPassword })).statusCode, 202)
    await ask('last@example.org')
    t.strictSame(
      [mails.filter(({ subject }) => subject.startsWith('You have')), gate.asked],
      [[], asked + 2],
      'a disabled account gets no link that would not work',
    )
    for (const secret of ['eyJ', goodPassword, '@example.org', 'argon2', 'Mallory'])
      t.notOk(logText().includes(secret), `no ${secret} in the log`)
  })

  await t.test('what ends a link, and what does not', async (t) => {
    const { ask, verify, time, stored, ring, rows } = await setUp(t, database)
    const events: Record<string, (email: string) => Promise<unknown>> = {
      'an account, made from another link': async (email) => await verify(await ask(email)),
      time: async () => {
        time.now += (86_400 + 30) * 1000
      },
      'a revoked key': async () => {
        ring.replace([{ ...ring.signingKey(), kid: 'other' }])
      },
    }
    const late = await ask('late@example.org')
    time.now += (86_400 + 30) * 1000 - 1
    t.equal((await verify(late)).statusCode, 201, 'the last millisecond is good')
    await stored.delete('late@example.org')
    for (const [name, happen] of Object.entries(events)) {
      const email = `${name.split(' ').join('-').replace(',', '')}@example.org`
      const token = await ask(email)
      await happen(email)
      problem(t, await verify(token), 400, 'invalid_one_time_token')
      t.equal(
        (await rows()).filter((row) => row.email === email).length,
        name.startsWith('an account') ? 1 : 0,
        name,
      )
    }
  })

  await t.test('a database that is away while the link is used', async (t) => {
    let away = true
    const { ask, verify } = await setUp(t, database, {
      wrapStore: (store) => ({
        ...store,
        accounts: {
          ...store.accounts,
          create: async (account) => {
            if (away) throw new Problem('unavailable')
            return await store.accounts.create(account)
          },
        },
      }),
    })
    const token = await ask('ada@example.org')
    problem(t, await verify(token), 503, 'unavailable')
    away = false
    t.equal((await verify(token)).statusCode, 201, 'the link is still good')
  })

  await t.test('what people write goes through the mail and back, or is refused', async (t) => {
    const { signup, ask, verify, call, nextMail, rows } = await setUp(t, database)
    const names = [
      null,
      '👩🏽‍🚀 Ada',
      '\u202eadA',
      "Robert'); DROP TABLE users;--",
      '<script>alert(1)</script>',
      '😀'.repeat(200),
      '","email":"evil@example.org',
      '__proto__',
      '\ufeffAda',
    ]
    const passwords = [
      `${goodPassword}\0\r\n.`,
      `"${goodPassword}","email":"x@y.zz`,
      'ﬁve ﬁne ﬂutes Å 🎺 along',
      `${goodPassword}${'ß'.repeat(227)}`,
    ]
    const addresses = [
      "o'neil+tag@example.org",
      'ada@xn--bcher-kva.example',
      '!#$&*-/=?^_`{|}~@example.org',
      `${'x'.repeat(64)}@example.org`,
    ]
    for (const [index, name] of names.entries()) {
      const email = addresses[index] ?? `${index}@example.org`
      const password = passwords[index % passwords.length] as string
      const reply = await verify(await ask(email, { password, name }))
      t.match(reply.json().user, { email, name, email_verified: true })
      t.equal((await call('POST', '/login', { body: { email, password } })).statusCode, 200)
    }
    t.match((await signup({ email: 'ada@BÜCHER.example', password: goodPassword })).statusCode, 202)
    await nextMail('ada@xn--bcher-kva.example', 'You have an account')
    for (const broken of ['\0', '\ud800', '\r\nBcc: x@y.zz', '\u2028']) {
      t.strictSame(
        pointers(t, await signup({ email: `a${broken}b@example.org`, password: goodPassword })),
        ['/email'],
      )
      t.strictSame(
        [
          ...new Set(
            pointers(
              t,
              await signup({ email: 'a@example.org', password: goodPassword, name: `a${broken}b` }),
            ),
          ),
        ],
        ['/name'],
      )
    }
    for (const value of notStrings)
      t.strictSame(pointers(t, await signup({ email: value, password: goodPassword })), ['/email'])
    t.strictSame(
      pointers(t, await signup({ email: 'a@example.org', password: goodPassword, role: 'admin' })),
      ['/role'],
    )
    for (const body of notObjects) t.strictSame(pointers(t, await signup(body, jsonType)), [''])
    t.equal((await rows()).length, names.length)
  })
})

t.test('sign-ups are limited by the mails that they cause, alike for every address', async (t) => {
  const { signup, verify, ask, call } = await setUp(t, 'sqlite', { env: { RATE_LIMITS: 'on' } })
  await verify(await ask('ada@example.org'))
  const { calls } = limits['mail-email-network']
  for (let i = 0; i <= calls; i++)
    problem(
      t,
      await signup({ email: 'new@example.org', password: 'password' }),
      422,
      'weak_password',
    )
  const answers = []
  for (const [email, asked] of [
    ['ada@example.org', 1],
    ['new@example.org', 0],
  ] as const) {
    for (let i = asked; i < calls; i++)
      t.equal((await signup({ email, password: goodPassword })).statusCode, 202)
    const reply = await signup({ email, password: goodPassword })
    const { request_id: _, ...body } = problem(t, reply, 429, 'rate_limited')
    answers.push([body, headerNames(reply)])
    t.equal(
      (await call('POST', '/password/forgot', { body: { email } })).statusCode,
      202,
      'the way to a new password is counted apart',
    )
  }
  t.strictSame(answers[0], answers[1])
})
