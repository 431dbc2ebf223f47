import argon2 from 'argon2'
import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  goodPassword,
  headerNames,
  onEachDatabase,
  outcome,
  pointersOf,
  problem,
} from '../../helper.js'
import { outcomes } from '../../support/replies.js'
import { tokenOf } from '../../support/mailbox.js'
import { contentKey, open } from '../../support/seal.js'
import { buildVerifyFirst as setUp } from '../../support/verify-first.js'

await onEachDatabase(t, async (t, database) => {
  await t.test('the link of the mail creates the account once', async (t) => {
    const { call, signup, ask, verify, rows, nextMail, mails, time, jwks } = await setUp(
      t,
      database,
    )
    const reply = await signup({ email: ' Ada@Example.ORG ', password: goodPassword, name: 'Ada' })
    t.strictSame(
      [reply.statusCode, reply.body, reply.headers.location, reply.headers['cache-control']],
      [202, '{"status":"mail_sent"}', undefined, 'no-store'],
      'the reply',
    )
    const mail = await nextMail('ada@example.org', 'Finish')
    const { text, html } = mail
    const token = tokenOf(mail)
    t.ok(html.includes(token), 'both parts of the mail have the link')
    t.match(text, /http:\/\/localhost:3000\/email\/verify#token=/, 'the link')
    for (const part of [text, html]) t.notMatch(part, /Ada|argon2|brass/, 'no text of the sign-up')
    t.strictSame([await rows(), mails], [[], []], 'nothing is stored')
    t.equal(
      (
        await call('POST', '/login', { body: { email: 'ada@example.org', password: goodPassword } })
      ).json().code,
      'invalid_credentials',
      'no login before the link',
    )
    t.match(
      open(token, contentKey(jwks.keys[0] ?? {})),
      {
        header: { typ: 'signup+jwt' },
        payload: {
          email: 'ada@example.org',
          name: 'Ada',
          password_hash: /^\$argon2id\$v=19\$m=1024,t=2,p=1\$/,
        },
      },
      'the claims of the link',
    )

    time.now += 60_000
    const sibling = await ask('ada@example.org', { password: `${goodPassword}-2` })
    const replies = await Promise.all(Array.from({ length: 20 }, async () => await verify(token)))
    const [won, ...others] = replies.sort((a, b) => a.statusCode - b.statusCode)
    t.equal(won?.statusCode, 201, 'one wins')
    t.match(won?.headers, { location: '/me', 'cache-control': 'no-store' }, 'its headers')
    const { access_token: access, refresh_token: refresh, user, ...rest } = won?.json()
    const now = new Date(time.now).toISOString()
    t.strictSame(
      rest,
      { token_type: 'Bearer', expires_in: 600, refresh_expires_in: 2592000 },
      'the tokens',
    )
    t.strictSame(
      user,
      {
        id: user.id,
        email: 'ada@example.org',
        email_verified: true,
        name: 'Ada',
        roles: [],
        created_at: now,
        updated_at: now,
      },
      'the user',
    )
    t.strictSame(
      outcomes([...others, await verify(token), await verify(sibling)]),
      { '400 invalid_one_time_token': 21 },
      'the other uses, one more, and a sibling',
    )
    t.equal((await rows()).length, 1, 'one account')
    t.strictSame((await call('GET', '/me', { token: access })).json(), user, 'GET /me')
    t.equal(
      outcome(await call('POST', '/refresh', { body: { refresh_token: refresh } })),
      '200',
      'the refresh token',
    )
    t.equal(
      (await call('POST', '/login', { body: { email: 'ada@example.org', password: goodPassword } }))
        .statusCode,
      200,
      'the password of the link',
    )
    t.equal(
      (
        await call('POST', '/login', {
          body: { email: 'ada@example.org', password: `${goodPassword}-2` },
        })
      ).statusCode,
      401,
      'the password of the sibling',
    )
  })

  await t.test('a taken address has the same reply, and only its owner is told', async (t) => {
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
        [202, '{"status":"mail_sent"}', headerNames(replies[1] as typeof reply)],
      )
    gate.closed = false
    await nextMail('new@example.org', 'Finish')
    const notice = await nextMail(email, 'You already have an account')
    await nextMail(email, 'You already have an account')
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
      t.strictSame(pointersOf(await signup({ email: one, password: `${goodPassword}\ud800` })), [
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
      [mails.filter(({ subject }) => subject.startsWith('You already have')), gate.asked],
      [[], asked + 2],
      'a disabled account gets no link that would not work',
    )
    for (const secret of ['eyJ', goodPassword, '@example.org', 'argon2', 'Mallory'])
      t.notOk(logText().includes(secret), `no ${secret} in the log`)
  })

  await t.test('an account, time and a revoked key end a link', async (t) => {
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
      problem(t, await verify(token), 400, 'invalid_one_time_token', name)
      t.equal(
        (await rows()).filter((row) => row.email === email).length,
        name.startsWith('an account') ? 1 : 0,
        name,
      )
    }
  })

  await t.test('an outage does not use up the link', async (t) => {
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
})
