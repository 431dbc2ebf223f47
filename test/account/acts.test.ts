import t from 'tap'
import { createActs } from '../../src/account/acts.js'
import { createAdministration } from '../../src/account/administer.js'
import { Problem } from '../../src/errors.js'
import type { Account, Accounts } from '../../src/store/accounts.js'

t.test('the log has every act of a change, also if none can be recorded', async (t) => {
  const account = { id: '1', roles: '[]', name: null, email: 'a@example.org' } as Account
  const acts = createActs({
    add: async () => {
      throw new Problem('unavailable')
    },
  })
  const { change } = createAdministration({
    accounts: { change: async () => account } as unknown as Accounts,
    acts,
    mails: { emailChanged: () => {}, passwordSet: () => {}, accountDeleted: () => {} },
    clock: Date.now,
  })
  const log: string[] = []
  const actor = {
    id: '2',
    requestId: null,
    mayRemoveLastAdmin: false,
    log: (event: string) => {
      log.push(event)
    },
  }
  await t.rejects(change(actor, account, { name: 'Ada', roles: '["x"]' }), { code: 'unavailable' })
  t.strictSame(log, ['admin.user_changed', 'admin.roles_changed'])
  t.strictSame(
    [...acts.counts()],
    [
      ['admin.user_changed', 1],
      ['admin.roles_changed', 1],
    ],
  )
})
