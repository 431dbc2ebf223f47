import type { AccountChanges } from '../../src/store/accounts.js'
import type { TestApp } from '../helper.js'

/** Changes an account as an operator would. */
export async function changeAccount(
  { store: { accounts } }: Pick<TestApp, 'store'>,
  id: string,
  changes: AccountChanges,
): Promise<void> {
  const account = await accounts.findById(id)
  if (account === null) throw new Error(`no account ${id}`)
  const changed = await accounts.change(account, changes, { keepAdmin: false })
  if (changed === null || typeof changed === 'string') throw new Error(`not changed: ${changed}`)
}

/** Gives an account these roles instead of its own. */
export async function giveRoles(
  test: Pick<TestApp, 'store'>,
  id: string,
  roles: string[],
): Promise<void> {
  await changeAccount(test, id, { roles: JSON.stringify(roles) })
}
