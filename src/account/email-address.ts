import { domainToASCII, domainToUnicode } from 'node:url'
import isEmail from 'validator/lib/isEmail.js'
import { Problem } from '../errors.js'

/**
 * The one spelling under which an address is stored and looked up: trimmed, Unicode NFC, lower
 * case, the domain as in the DNS (IDNA). Null for text that is not an address, that has
 * invisible characters, or that has look-alikes such as `＠`, `．` or the Kelvin sign, which
 * other programs would read as another address. Upper case and decomposed letters are the only
 * other spellings.
 */
export function canonicalEmail(text: string): string | null {
  const typed = text.trim()
  const composed = typed.normalize('NFC')
  const lower = composed.toLowerCase().normalize('NFC')
  // Lower-casing would hide some look-alikes: check before it, and again after it.
  if (!lower.isWellFormed() || [composed, lower].some((one) => one !== one.normalize('NFKC')))
    return null
  if (/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(lower) || hasDuplicateSign(typed))
    return null
  const at = lower.lastIndexOf('@')
  const domain = lower.slice(at + 1)
  // domainToASCII reads a host as in a URL: it would drop what follows / ? # \ and decode %. The
  // ideographic full stop is one more spelling of a dot. A quoted local part would be a second
  // account for the same mailbox.
  if (at < 1 || lower.startsWith('"') || /[/?#\\%:。]/.test(domain)) return null
  const ascii = domainToASCII(domain)
  if (ascii.split('.').some((label) => label.startsWith('xn--') && !isPunycode(label))) return null
  const address = `${lower.slice(0, at)}@${ascii}`
  return isEmail.default(address) ? address : null
}

// NFC itself replaces some characters by another single one of the same look, such as the Kelvin
// sign by K (Unicode calls them singletons).
function hasDuplicateSign(text: string): boolean {
  return (
    /\P{ASCII}/u.test(text) &&
    [...text].some((sign) => {
      const composed = sign.normalize('NFC')
      return composed !== sign && [...composed].length === 1
    })
  )
}

// Node.js 20 refuses some labels that are not what they say, Node.js 24 leaves each as it is. Such
// a label stands for letters beyond ASCII, and for no other such label (UTS #46 §4.1).
function isPunycode(label: string): boolean {
  const letters = domainToUnicode(label)
  return /\P{ASCII}/u.test(letters) && !letters.startsWith('xn--')
}

/**
 * {@link canonicalEmail}, or Problem `invalid_request` that points to the member.
 *
 * @param pointer where the address stands in the request
 */
export function requireEmail(text: string, pointer = '/email'): string {
  const address = canonicalEmail(text)
  if (address === null)
    throw new Problem('invalid_request', {
      errors: [{ pointer, detail: 'must be an e-mail address' }],
    })
  return address
}

/** Domains of Google's mail, which ignores dots before the `@`. */
const dotless = ['gmail.com', 'googlemail.com']

/**
 * The mailbox that an address most likely leads to, for limits alone: whoever can vary an
 * address must not get more mails into one mailbox. What follows a `+` is dropped (RFC 5233),
 * at Google dots as well. Other separators (`-` of qmail) also stand in names of different
 * people, who must not use up each other's mails.
 *
 * @param address in canonical form
 */
export function mailboxOf(address: string): string {
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  const user = address.slice(0, at).replace(/(?<=.)\+.*$/s, '')
  return dotless.includes(domain) ? `${user.replaceAll('.', '')}@gmail.com` : `${user}@${domain}`
}
