import { canonicalEmail } from '../account/email-address.js'
import { addressesOf } from '../store/email-history.js'
import { createMessages } from '../mail/messages.js'
import type { Account, Accounts } from '../store/accounts.js'
import { CommandError } from './command-error.js'
import { ask } from './prompt.js'
import type { Terminal } from './terminal.js'
import type { SendMails } from './users-mail.js'

/** What {@link changeUser} needs. */
export interface ChangeUserDeps {
  accounts: Accounts
  terminal: Terminal
  sendMails: SendMails
  appUrl: string
  accessTokenSeconds: number
}

/** The commands that change one account. */
export type Change = 'disable' | 'enable' | 'delete' | 'logout'

/**
 * `users disable|enable|delete|logout`: changes an account, given by e-mail or id, and says
 * what that means for its tokens.
 *
 * @param yes delete without asking
 * @throws CommandError when there is no such account, or nobody confirms that it is to be
 *   deleted
 */
export async function changeUser(
  change: Change,
  who: string,
  { yes }: { yes: boolean },
  { accounts, terminal, sendMails, appUrl, accessTokenSeconds }: ChangeUserDeps,
): Promise<void> {
  const account = await findAccount(accounts, who)
  const { email, id } = account
  const dead = `Its refresh tokens are dead; access tokens that are out end within ${accessTokenSeconds} s.`
  const changes: Record<Change, { act: () => Promise<boolean>; done: string; not: string }> = {
    disable: {
      act: async () => await accounts.disable(id),
      done: `Disabled ${email}. ${dead}`,
      not: `${email} was disabled before.`,
    },
    enable: {
      act: async () => await accounts.enable(id),
      done: `Enabled ${email}: it can log in again. Its refresh tokens from before stay dead.`,
      not: `${email} was not disabled.`,
    },
    logout: {
      act: async () => await accounts.endRefreshTokens(id),
      done: `Logged ${email} out everywhere. ${dead}`,
      not: `${email} is disabled, which has ended its refresh tokens.`,
    },
    delete: {
      act: async () => {
        if (!yes) await confirm(account, terminal)
        return await accounts.delete(id)
      },
      done: `Deleted ${email}. ${dead}`,
      not: '',
    },
  }
  const { act, done, not } = changes[change]
  const changed = await act()
  // It may be gone since it was read.
  if (!changed && (await accounts.findById(id)) === null) throw new CommandError(unknown)
  terminal.stdout.write(changed ? `${done}\n` : `${not} Nothing was changed.\n`)
  if (change !== 'delete') return
  const { accountDeleted } = createMessages({ appUrl })
  await sendMails(
    addressesOf(account, Date.now()).map((to) => ({
      mail: { kind: 'account deleted', to, account: id },
      message: accountDeleted(to),
    })),
  )
}

const unknown = 'There is no such account.'

/**
 * The account of an e-mail address or an id.
 *
 * @throws CommandError if there is none
 */
export async function findAccount(accounts: Accounts, who: string): Promise<Account> {
  const id = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(who)
  const email = canonicalEmail(who)
  if (!id && email === null)
    throw new CommandError('An account is named by its e-mail address or its id.')
  const account = id
    ? await accounts.findById(who.toLowerCase())
    : await accounts.findByEmail(String(email))
  if (account === null) throw new CommandError(unknown)
  return account
}

async function confirm({ email }: Account, terminal: Terminal): Promise<void> {
  if (terminal.stdin.isTTY !== true)
    throw new CommandError('Deleting cannot be undone. Say --yes where nobody can be asked.')
  const [answer = ''] = await ask(
    [`Deleting cannot be undone. Type the e-mail address of the account, ${email}, to go on: `],
    terminal,
    { hidden: false },
  )
  if (canonicalEmail(answer) !== email)
    throw new CommandError('That is another address; nothing was deleted.')
}
