import { createInvite } from '../account/invite.js'
import type { Config } from '../config.js'
import { createKeyRing } from '../keys/key-ring.js'
import { toRolesColumn } from '../roles.js'
import { longestTokenSeconds } from '../tokens/lifetimes.js'
import { createInviteTokens } from '../tokens/one-time-token.js'
import { readExistingKeys } from './existing-keys.js'
import type { ChangeUserDeps } from './users-account.js'
import { requirePerson } from './users-create.js'
import { explainTaken } from './users-taken.js'
import { operator, type Operator } from './users-operator.js'
import { requireRoles } from './users-roles.js'

/**
 * `users invite`: creates an account that no password opens, and mails a link to choose one.
 * The link is signed with the keys of the server.
 *
 * @throws CommandError if an argument is not valid, the address has an account, or the key file
 *   does not exist
 */
export async function inviteUser(
  email: string,
  { name, roles }: { name: string | null; roles: string[] },
  config: Config,
  {
    accounts,
    terminal,
    acts,
    mails,
  }: Pick<ChangeUserDeps, 'accounts' | 'terminal'> & Pick<Operator, 'acts' | 'mails'>,
): Promise<void> {
  const address = requirePerson(email, name)
  requireRoles(roles)
  const ring = createKeyRing(await readExistingKeys(config), {
    publishSeconds: config.KEY_PUBLISH_SECONDS,
    longestTokenSeconds: longestTokenSeconds(config),
    clock: Date.now,
  })
  const inviteTokens = createInviteTokens({ ring, issuer: config.PUBLIC_URL, clock: Date.now })
  const invite = createInvite({ accounts, acts, mails, inviteTokens })
  await explainTaken(
    invite(operator, { email: address, name, roles: toRolesColumn(roles) }),
    `${address} already has an account. Nothing was changed. To give it a role, run: npm run users -- grant ${address} <role>\nTo mail a new link to choose a password, use POST /password/forgot.`,
  )
  terminal.stdout.write(`Invited ${address}. The link in the mail works once, within 7 days.\n`)
}
