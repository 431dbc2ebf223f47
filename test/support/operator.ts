import type { Account, Accounts } from '../../src/store/accounts.js'
import { loadConfig } from '../../src/config.js'
import { users } from '../../src/cli/users.js'
import type { SendMails } from '../../src/cli/users-mail.js'
import { createOperator } from '../../src/cli/users-operator.js'
import type { Message } from '../../src/mail/message.js'
import type { Store } from '../../src/store/open-store.js'
import { fakeTerminal } from './fake-terminal.js'

/** The dependencies of a command, with a terminal. No mail may be sent. */
export function commandOn(
  { accounts, auditLog }: Pick<Store, 'accounts' | 'auditLog'>,
  options: Parameters<typeof fakeTerminal>[0] = {},
) {
  const config = loadConfig({})
  const sendMails = async () => {
    throw new Error('a mail was sent')
  }
  return {
    ...createOperator({ accounts, auditLog, config, sendMails }),
    accounts,
    terminal: fakeTerminal(options),
    accessTokenSeconds: 600,
  }
}

/** A store with one account, which is changed or gone when a command writes. */
export function changedMeanwhile(account: Partial<Account>, isGone: boolean) {
  const found = { deletedAt: null, disabledAt: null, emailVerifiedAt: null, ...account }
  const accounts = {
    findByEmail: async () => found,
    findById: async () => (isGone ? null : found),
    change: async () => null,
    setPassword: async () => false,
    endRefreshTokens: async () => false,
    delete: async () => false,
  } as unknown as Accounts
  return { accounts, auditLog: {} as Store['auditLog'] }
}

/** Runs commands on a database. Returns the output of each, and its mails. */
export function createCommands(env: Record<string, string>) {
  const config = loadConfig(env)
  return async (args: string[], options: Parameters<typeof fakeTerminal>[0] = { input: '' }) => {
    const terminal = fakeTerminal(options)
    const mails: Message[] = []
    const keep: SendMails = async (sent) => {
      mails.push(...sent.map(({ message }) => message))
    }
    const error = await users(args, config, terminal, keep).then(
      () => null,
      (error: Error) => `${error.name}: ${error.message}`,
    )
    const { stdout, stderr } = await terminal.output()
    return { stdout, stderr: error ?? stderr, mails }
  }
}
