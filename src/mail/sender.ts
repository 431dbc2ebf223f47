/** The sender of all mails. */
export interface Sender {
  name: string
  address: string
}

/**
 * Splits MAIL_FROM into name and address, so that no sign in the name has a meaning: a colon
 * would begin a group, and a parenthesis a comment. Quotes around the whole name are those of
 * RFC 5322 and go.
 */
export function parseSender(mailFrom: string): Sender {
  const [, name = '', address = mailFrom] = /^(.*)<(.*)>$/.exec(mailFrom) ?? []
  const [, quoted] = /^"(.*)"$/.exec(name.trim()) ?? []
  return { name: quoted === undefined ? name.trim() : quoted.replace(/\\(.)/g, '$1'), address }
}
