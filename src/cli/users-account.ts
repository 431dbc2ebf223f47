import { canonicalEmail } from '../account/email-address.js'
import type { Account, Accounts } from '../store/accounts.js'
import { CommandError } from './command-error.js'
import { ask } from './prompt.js'
import type { Terminal } from './terminal.js'
import { operator, type Operator } from './users-operator.js'
import { warnOfNoAdmin } from './users-last-admin.js'

/** The dependencies of {@link changeUser}. */
export interface ChangeUserDeps {
  accounts: Accounts
  administration: Operator['administration']
  terminal: Terminal
  accessTokenSeconds: number
}

/** The commands that change one account. */
export type Change = 'disable' | 'enable' | 'delete' | 'logout'

/**
 * `users disable|enable|delete|logout`: changes an account, given by e-mail or id, and prints
 * the effect on its tokens.
 *
 * @param yes delete without asking
 * @throws CommandError if the account does not exist, or the operator does not confirm the
 *   deletion
 */
export async function changeUser(
  change: Change,
  who: string,
  { yes }: { yes: boolean },
  { accounts, administration, terminal, accessTokenSeconds }: ChangeUserDeps,
): Promise<void> {
  const account = await findAccount(accounts, who)
  const { email, id } = account
  const tokens = tokensRevoked(accessTokenSeconds)
  const setDisabled = async (disabled: boolean) =>
    disabled !== (account.disabledAt !== null) &&
    (await administration.change(operator, account, { disabled })) !== null
  const changes: Record<Change, { act: () => Promise<boolean>; done: string; not: string }> = {
    disable: {
      act: async () => await setDisabled(true),
      done: `Disabled ${email}. ${tokens}`,
      not: `${email} is already disabled.`,
    },
    enable: {
      act: async () => await setDisabled(false),
      done: `Enabled ${email}: it can log in again. Its earlier refresh tokens stay revoked.`,
      not: `${email} is not disabled.`,
    },
    logout: {
      act: async () => await administration.logout(operator, account),
      done: `Logged ${email} out everywhere. ${tokens}`,
      not: `${email} is disabled: its refresh tokens are already revoked.`,
    },
    delete: {
      act: async () => {
        if (!yes) await confirm(account, terminal)
        return await administration.remove(operator, account)
      },
      done: `Deleted ${email}. ${tokens}`,
      not: '',
    },
  }
  const { act, done, not } = changes[change]
  const changed = await act()
  // It may have been deleted since it was read.
  if (!changed && (await accounts.findById(id)) === null) throw new CommandError(unknown)
  terminal.stdout.write(changed ? `${done}\n` : `${not} Nothing was changed.\n`)
  if (change === 'disable' || change === 'delete') await warnOfNoAdmin(account, accounts, terminal)
}

const unknown = 'The account does not exist.'

/** The message of a command whose account changed between reading and writing. */
export const changedMeanwhile =
  'The account was changed meanwhile. This command changed nothing; try again.'

/** Tells the operator what became of the tokens of an account. */
export function tokensRevoked(accessTokenSeconds: number): string {
  return `Its refresh tokens are revoked; its access tokens expire within ${accessTokenSeconds} s.`
}

/**
 * Finds an account by its e-mail address or its id.
 *
 * @throws CommandError if it does not exist
 */
export async function findAccount(accounts: Accounts, who: string): Promise<Account> {
  const id = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(who)
  const email = canonicalEmail(who)
  if (!id && email === null)
    throw new CommandError('Name the account by its e-mail address or its id.')
  const account = id
    ? await accounts.findById(who.toLowerCase())
    : await accounts.findByEmail(String(email))
  if (account === null) throw new CommandError(unknown)
  return account
}

async function confirm({ email }: Account, terminal: Terminal): Promise<void> {
  if (terminal.stdin.isTTY !== true)
    throw new CommandError('Deleting cannot be undone. Without a terminal, confirm with --yes.')
  const [answer = ''] = await ask(
    [`Deleting cannot be undone. Type the e-mail address of the account, ${email}, to continue: `],
    terminal,
    { hidden: false },
  )
  if (canonicalEmail(answer) !== email)
    throw new CommandError('The address does not match. Nothing was deleted.')
}
