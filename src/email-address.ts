import { domainToASCII } from 'node:url'
import validator from 'validator'
import { Problem } from './errors.js'

/**
 * The one spelling under which an address is stored and looked up: trimmed, Unicode NFC, lower case, the domain as in the DNS (IDNA).
 * Null for what is no address, and for compatibility look-alikes such as `＠` or `．`, which other programs would read as another address.
 */
export function canonicalEmail (text: string): string | null {
  const lower = text.trim().normalize('NFC').toLowerCase().normalize('NFC')
  if (!lower.isWellFormed() || lower !== lower.normalize('NFKC') || /[\p{C}\p{Z}]/u.test(lower)) return null
  const at = lower.lastIndexOf('@')
  const domain = domainToASCII(lower.slice(at + 1))
  const address = `${lower.slice(0, at)}@${domain}`
  return at > 0 && validator.isEmail(address) ? address : null
}

/** {@link canonicalEmail}, or Problem `invalid_request` that points to the member `email`. */
export function requireEmail (text: string): string {
  const address = canonicalEmail(text)
  if (address === null) throw new Problem('invalid_request', { errors: [{ pointer: '/email', detail: 'must be an e-mail address' }] })
  return address
}
