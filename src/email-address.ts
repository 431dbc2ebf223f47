import { domainToASCII } from 'node:url'
import isEmail from 'validator/lib/isEmail.js'
import { Problem } from './errors.js'

/**
 * The one spelling under which an address is stored and looked up: trimmed, Unicode NFC, lower case, the domain as in the DNS (IDNA).
 * Null for what is no address, and for compatibility look-alikes such as `＠` or `．`, which other programs would read as another address.
 */
export function canonicalEmail (text: string): string | null {
  const lower = text.trim().normalize('NFC').toLowerCase().normalize('NFC')
  if (!lower.isWellFormed() || lower !== lower.normalize('NFKC') || /[\p{C}\p{Z}]/u.test(lower)) return null
  const at = lower.lastIndexOf('@')
  const domain = lower.slice(at + 1)
  // domainToASCII reads a host as in a URL: it would drop what follows / ? # \ and decode %. The ideographic full stop is one more spelling of a dot.
  // A quoted local part would be a second account for the same mailbox.
  if (at < 1 || lower.startsWith('"') || /[/?#\\%:。]/.test(domain)) return null
  const address = `${lower.slice(0, at)}@${domainToASCII(domain)}`
  return isEmail.default(address) ? address : null
}

/** {@link canonicalEmail}, or Problem `invalid_request` that points to the member. @param pointer where the address stands in the request */
export function requireEmail (text: string, pointer = '/email'): string {
  const address = canonicalEmail(text)
  if (address === null) throw new Problem('invalid_request', { errors: [{ pointer, detail: 'must be an e-mail address' }] })
  return address
}
