import { domainToASCII, domainToUnicode } from 'node:url'
import isEmail from 'validator/lib/isEmail.js'
import { Problem } from '../errors.js'

/**
 * Returns the canonical form of an address: trimmed, Unicode NFC, lower case, the domain as in
 * the DNS (IDNA). Returns null for text that is not an address, and for invisible characters.
 * Also returns null for look-alikes such as `＠`, `．` or the Kelvin sign, which other programs
 * would read as another address.
 */
export function canonicalEmail(text: string): string | null {
  const typed = text.trim()
  const composed = typed.normalize('NFC')
  const lower = composed.toLowerCase().normalize('NFC')
  // Lower-casing would hide some look-alikes: check before it and after it.
  if (!lower.isWellFormed() || [composed, lower].some((one) => one !== one.normalize('NFKC')))
    return null
  if (/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(lower) || hasDuplicateSign(typed))
    return null
  const at = lower.lastIndexOf('@')
  const domain = lower.slice(at + 1)
  // domainToASCII parses a host of a URL: it drops text after / ? # \ and decodes %. The
  // ideographic full stop is another spelling of a dot. A quoted local part would allow a second
  // account for the same mailbox.
  if (at < 1 || lower.startsWith('"') || /[/?#\\%:。]/.test(domain)) return null
  const ascii = domainToASCII(domain)
  if (ascii.split('.').some((label) => label.startsWith('xn--') && !isPunycode(label))) return null
  const address = `${lower.slice(0, at)}@${ascii}`
  return isEmail.default(address) ? address : null
}

// NFC replaces some characters by another single one with the same look. Unicode calls them
// singletons; the Kelvin sign (K) is one.
function hasDuplicateSign(text: string): boolean {
  return (
    /\P{ASCII}/u.test(text) &&
    [...text].some((sign) => {
      const composed = sign.normalize('NFC')
      return composed !== sign && [...composed].length === 1
    })
  )
}

// Node.js 20 refuses some invalid labels, Node.js 24 returns each as it is. A valid label decodes
// to letters beyond ASCII, and not to another such label (UTS #46 §4.1).
function isPunycode(label: string): boolean {
  const letters = domainToUnicode(label)
  return /\P{ASCII}/u.test(letters) && !letters.startsWith('xn--')
}

/**
 * Returns the canonical form of an address of a request.
 *
 * @param pointer the JSON Pointer of the address in the request
 * @throws Problem `invalid_request` if it is not an e-mail address
 */
export function requireEmail(text: string, pointer = '/email'): string {
  const address = canonicalEmail(text)
  if (address === null)
    throw new Problem('invalid_request', {
      errors: [{ pointer, detail: 'must be an e-mail address' }],
    })
  return address
}

/** Domains of Gmail, which ignores dots before the `@`. */
const dotless = ['gmail.com', 'googlemail.com']

/**
 * Returns the mailbox that an address most likely leads to, for limits alone. A caller who
 * varies an address must not get more mails into one mailbox. Drops the part after a `+` (RFC
 * 5233), and dots at Gmail. Keeps other separators (`-` of qmail): they also occur in the names
 * of different people, who must not share a limit.
 *
 * @param address in canonical form
 */
export function mailboxOf(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  const user = address.slice(0, at).replace(/(?<=.)\+.*$/s, '')
  return dotless.includes(domain) ? `${user.replaceAll('.', '')}@gmail.com` : `${user}@${domain}`
}
