import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import nodemailer from 'nodemailer'
import type { Message, Transport } from './message.js'
import { parseSender } from './sender.js'
import { smtpOptions } from './smtp-url.js'

/** The timeouts of each step with a mail server, in milliseconds. */
const timeouts = {
  connectionTimeout: 10_000,
  greetingTimeout: 10_000,
  socketTimeout: 30_000,
  dnsTimeout: 10_000,
}

/** Adds to a message what every mail carries. */
function envelope(from: string, { to, subject, text, html }: Message) {
  // Tells auto-responders not to reply (RFC 3834 §5).
  const headers = { 'Auto-Submitted': 'auto-generated' }
  return {
    from: parseSender(from),
    to: { name: '', address: to },
    subject,
    text: textPart(text),
    html,
    headers,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/**
 * The text part of a mail. ASCII with lines of at most 998 octets (RFC 5322 §2.1.1) is sent
 * verbatim. The library would encode lines over 76 octets as quoted-printable, and a link
 * copied from the file would be broken. The library encodes longer lines; every mail program
 * decodes them.
 */
function textPart(text: string): string | { raw: string } {
  if (!/^[\t\n\x20-\x7e]*$/.test(text) || text.split('\n').some((line) => line.length > 998))
    return text
  return {
    raw: `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${text.replaceAll('\n', '\r\n')}`,
  }
}

/**
 * Sends through the mail server of an SMTP_URL: smtps:, or smtp: with STARTTLS if the server
 * offers it or it is required.
 */
export function createSmtpTransport(
  url: string,
  { from, publicUrl }: { from: string; publicUrl: string },
): Transport {
  const transporter = nodemailer.createTransport({
    ...timeouts,
    maxConnections: 4,
    ...smtpOptions(url, publicUrl),
    url,
    pool: true,
  } as never)
  return {
    deliver: async (message) => {
      await transporter.sendMail(envelope(from, message))
    },
    close: () => {
      transporter.close()
    },
  }
}

/**
 * Writes mails to files instead of sending them. Only the owner can read the files, because
 * their links open accounts.
 *
 * @param onWritten gets the path of each file
 */
export function createOutbox(
  folder: string,
  from: string,
  onWritten: (path: string) => void,
): Transport {
  const transporter = nodemailer.createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
  })
  return {
    deliver: async (message) => {
      const { message: bytes } = (await transporter.sendMail(envelope(from, message))) as {
        message: Buffer
      }
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = join(
        folder,
        `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID().slice(0, 8)}.eml`,
      )
      await writeFile(path, bytes, { mode: 0o600, flag: 'wx' })
      onWritten(path)
    },
    close: () => {},
  }
}
