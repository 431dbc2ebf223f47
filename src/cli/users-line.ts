import { type Static, Type } from 'typebox'
import { canonicalEmail } from '../email-address.js'
import { Email, Name } from '../http/schemas.js'
import { isReadableHash } from '../passwords/hash.js'
import { createChecker } from '../schema-check.js'
import type { NewAccount } from '../store/create-many.js'

const ImportLine = Type.Object({
  email: Email,
  password_hash: Type.String({ maxLength: 1024 }),
  name: Type.Optional(Name),
  email_verified: Type.Optional(Type.Boolean())
}, { additionalProperties: false })

/** What is wrong, by the member that does not fit; nothing of the line is repeated. */
const reasons: Record<string, string> = {
  '/email': 'email is no e-mail address',
  '/password_hash': 'password_hash is in no known format, or would cost too much to check',
  '/name': 'name is no text of 1 to 200 characters without control characters',
  '/email_verified': 'email_verified is neither true nor false'
}

const check = createChecker(ImportLine)

/** Reads one line of an import. Answers the account, or why there is none. */
export function readUser (text: string): NewAccount | string {
  let value
  try {
    value = JSON.parse(text) as unknown
  } catch {
    return 'not JSON'
  }
  const [misfit] = check(value)
  if (misfit !== undefined) return reasons[misfit.path] ?? misfit.detail
  const { email, password_hash: passwordHash, name = null, email_verified: emailVerified = false } = value as Static<typeof ImportLine>
  const address = canonicalEmail(email)
  if (address === null) return String(reasons['/email'])
  if (!isReadableHash(passwordHash)) return String(reasons['/password_hash'])
  return { email: address, passwordHash, name, emailVerified }
}
