/** The sender of all mails. */
export interface Sender {
  name: string
  address: string
}

/**
 * Splits MAIL_FROM into name and address, so that no character in the name has a special
 * meaning: a colon would begin a group, a parenthesis a comment. Quotes around the whole name
 * are RFC 5322 syntax and are removed.
 */
export function parseSender(mailFrom: string): Sender {
  const [, name = '', address = mailFrom] = /^(.*)<(.*)>$/.exec(mailFrom) ?? []
  const [, quoted] = /^"(.*)"$/.exec(name.trim()) ?? []
  return { name: quoted === undefined ? name.trim() : quoted.replace(/\\(.)/g, '$1'), address }
}
