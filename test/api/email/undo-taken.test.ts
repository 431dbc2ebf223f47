import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, problem, query } from '../../helper.js'
import { createEmailFlow, freshEmail } from '../../support/email-flow.js'
import { operatorOn } from '../../support/accounts.js'

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time, databaseUrl, mails, nextMail, store } = test
  const { signupVerified, move, undo } = createEmailFlow(test)
  const createdAt = async (id: string, milliseconds: number) => {
    const text = new Date(milliseconds).toISOString().replace('Z', '+00:00')
    await query(databaseUrl, `UPDATE users SET created_at = '${text}' WHERE id = '${id}'`)
  }
  const emailOf = async (token: string) => (await call('GET', '/me', { token })).json().email

  await t.test(
    'an unverified account that sits on the address gives way, without a mail',
    async (t) => {
      const { access_token: access, user } = await signupVerified()
      const back = await move(access, user.email, freshEmail())
      time.now += 5000
      const squatter = await signup({ email: user.email })
      mails.length = 0
      t.equal((await undo(back)).statusCode, 200)
      t.equal(await emailOf(access), user.email)
      problem(t, await call('GET', '/me', { token: squatter.access_token }), 401, 'invalid_token')
      t.ok((await store.accounts.findById(squatter.user.id)) === null, 'erased')
      await nextMail(user.email, /is back$/)
      t.notOk(mails.some(({ subject }) => /deleted/.test(subject)))
      mails.length = 0
    },
  )

  await t.test('it also gives way if the clock of its server was behind', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const back = await move(access, user.email, freshEmail())
    const squatter = await signup({ email: user.email })
    await createdAt(squatter.user.id, time.now - 29_000)
    t.equal((await undo(back)).statusCode, 200)
    t.equal(await store.accounts.findById(squatter.user.id), null, 'erased')
  })

  await t.test(
    'the account on the address is erased only after link and history were checked',
    async (t) => {
      const { access_token: access, user } = await signupVerified()
      const second = freshEmail()
      const [first, later] = [
        await move(access, user.email, second),
        await move(access, second, freshEmail()),
      ]
      t.equal((await undo(first)).statusCode, 200)
      const newcomer = await signup({ email: second })
      problem(t, await undo(later), 400, 'invalid_one_time_token')
      t.equal((await call('GET', '/me', { token: newcomer.access_token })).statusCode, 200)
      const disabled = await signupVerified()
      const link = await move(disabled.access_token, disabled.user.email, freshEmail())
      const other = await signup({ email: disabled.user.email })
      await operatorOn(store.accounts).disable(disabled.user.id)
      problem(t, await undo(link), 400, 'invalid_one_time_token')
      t.equal((await call('GET', '/me', { token: other.access_token })).statusCode, 200)
    },
  )

  await t.test(
    '409 where the account on the address is verified, or older than the change; the link stays valid',
    async (t) => {
      for (const change of ['verified', 'older'] as const) {
        const { access_token: access, user } = await signupVerified()
        const back = await move(access, user.email, freshEmail())
        const { access_token: theirs } =
          change === 'verified'
            ? await signupVerified(user.email)
            : await signup({ email: user.email })
        if (change === 'older') {
          const { id } = (await call('GET', '/me', { token: theirs })).json()
          await createdAt(id, time.now - 31_000)
        }
        for (let use = 0; use < 2; use++)
          t.match(problem(t, await undo(back), 409, 'email_taken').detail, /use this link again/)
        t.equal((await call('GET', '/me', { token: theirs })).statusCode, 200)
        t.equal(
          (await call('DELETE', '/me', { token: theirs, body: { password: goodPassword } }))
            .statusCode,
          204,
        )
        t.equal((await undo(back)).statusCode, 200)
        t.equal(await emailOf(access), user.email)
      }
    },
  )
})

t.test('an account or an address that others write to without an end', async (t) => {
  const fate = { taken: 0, changed: 0 }
  const test = await buildTestApp(t, {
    env: { RATE_LIMITS: 'off' },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        takeBack: async (account, to) => {
          if (fate.changed-- > 0) return null
          if (fate.taken-- > 0) return 'email_taken'
          return await store.accounts.takeBack(account, to)
        },
      },
    }),
  })
  const { signupVerified, move, undo } = createEmailFlow(test)
  const { access_token: access, user } = await signupVerified()
  const back = await move(access, user.email, freshEmail())
  for (const kind of ['taken', 'changed'] as const) {
    fate[kind] = 5
    problem(t, await undo(back), 503, 'unavailable')
  }
  fate.taken = 2
  t.equal((await undo(back)).statusCode, 200, 'tried again on a clash')
})
