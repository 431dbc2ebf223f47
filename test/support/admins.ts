import { randomUUID } from 'node:crypto'
import { toClaimsColumn, type CustomClaims } from '../../src/custom-claims.js'
import { toRolesColumn } from '../../src/roles.js'
import type { AccountChanges } from '../../src/store/accounts.js'
import { createActs } from '../../src/account/acts.js'
import { goodPassword, type TestApp } from '../helper.js'

/** A person with an access token that has the present roles. */
export interface RolePerson {
  id: string
  email: string
  token: string
  refreshToken: string
}

/** Creates admins, and calls the admin API. */
export function createAdminFlow({
  call,
  signup,
  store,
}: Pick<TestApp, 'call' | 'signup' | 'store'>) {
  const set = async (id: string, changes: AccountChanges) => {
    const account = await store.accounts.findById(id)
    if (account === null) throw new Error(`there is no account ${id}`)
    const done = await store.accounts.change(account, changes, { keepAdmin: false })
    if (done === null || typeof done === 'string') throw new Error(`not changed: ${done}`)
  }
  const setRoles = async (id: string, ...roles: string[]) => {
    await set(id, { roles: toRolesColumn(roles) })
  }
  /** Signs up a person, gives roles, and gets tokens that have them. */
  const personWith = async (...roles: string[]): Promise<RolePerson> => {
    const email = `person-${randomUUID()}@example.org`
    const { user, refresh_token: first } = await signup({ email })
    await setRoles(user.id, ...roles)
    const reply = await call('POST', '/refresh', { body: { refresh_token: first } })
    const { access_token: token, refresh_token: refreshToken } = reply.json()
    return { id: user.id, email: user.email, token, refreshToken }
  }
  return {
    setRoles,
    setClaims: async (id: string, claims: CustomClaims) => {
      await set(id, { claims: toClaimsColumn(claims) })
    },
    disable: async (id: string) => {
      await set(id, { disabled: true })
    },
    remove: async (id: string) => {
      const account = await store.accounts.findById(id)
      if (account === null) throw new Error(`there is no account ${id}`)
      await store.accounts.delete(account, { ifUnchanged: false, keepAdmin: false })
    },
    personWith,
    admin: async () => await personWith('admin'),
    /** The acts so far, newest first. */
    acts: async () =>
      (await store.auditLog.list({}, null, 200)).map(({ actor, event, subject, details }) => [
        actor,
        event,
        subject,
        JSON.parse(details) as object,
      ]),
    /** Adds acts past the API. */
    act: createActs(store.auditLog).record,
    login: async (email: string, password = goodPassword) =>
      await call('POST', '/login', { body: { email, password } }),
  }
}
