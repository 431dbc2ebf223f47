import t from 'tap'
import { buildTestApp } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'

t.test('a deletion is tried again if the account was changed meanwhile', async (t) => {
  let refusals = 0
  const test = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        delete: async (...args) => (refusals-- > 0 ? false : await store.accounts.delete(...args)),
      },
    }),
  })
  const { token } = await createAdminFlow(test).admin()
  const { user } = await test.signup()
  refusals = 1
  const remove = async () => await test.call('DELETE', `/admin/users/${user.id}`, { token })
  t.equal((await remove()).statusCode, 204)
  t.equal((await remove()).statusCode, 404)
})
