import t from 'tap'
import { buildTestApp, onEachDatabase, problem } from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { createEmailFlow, freshEmail } from '../../support/email-flow.js'

await onEachDatabase(t, async (t, database) => {
  const during: Array<() => Promise<unknown>> = []
  const test = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        changeEmail: async (account, next) => {
          await during.pop()?.()
          return await store.accounts.changeEmail(account, next)
        },
      },
    }),
  })
  const { signup, nextMail } = test
  const { post, ask, confirm, undo } = createEmailFlow(test)

  await t.test(
    'an address that is verified while the password of a change is compared can take the account back',
    async (t) => {
      const { access_token: access, user } = await signup()
      const verification = tokenOf(await nextMail(user.email, 'Confirm your e-mail'))
      const token = await ask(access, freshEmail())
      during.push(async () => {
        t.equal((await post('/email/verify', { token: verification })).statusCode, 200)
      })
      problem(t, await confirm(token), 400, 'invalid_one_time_token')
      t.equal((await confirm(token)).statusCode, 200, 'the link is not used up')
      t.equal(
        (await undo(tokenOf(await nextMail(user.email, /was changed$/), '/email/undo'))).statusCode,
        200,
      )
    },
  )
})
