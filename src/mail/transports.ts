import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import nodemailer from 'nodemailer'
import type { Message, Transport } from './message.js'

/** How long each step of talking to a mail server may take, in milliseconds. */
const patience = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000, dnsTimeout: 10_000 }

/** What every mail carries beyond its message. */
function envelope (from: string, { to, subject, text, html }: Message) {
  // Not to be answered by machines (RFC 3834 §5).
  return { from, to: { name: '', address: to }, subject, text, html, headers: { 'Auto-Submitted': 'auto-generated' }, disableFileAccess: true, disableUrlAccess: true }
}

/** Sends through the mail server of an SMTP_URL: smtp: (with STARTTLS where the server has it) or smtps:. @param from MAIL_FROM */
export function createSmtpTransport (url: string, from: string): Transport {
  const transporter = nodemailer.createTransport({ ...patience, url, pool: true, maxConnections: 4 } as never)
  return {
    deliver: async (message) => { await transporter.sendMail(envelope(from, message) as never) },
    close: () => { transporter.close() }
  }
}

/**
 * Writes mails as files instead of sending them, readable by their owner alone, for they hold links that open accounts.
 * @param onWritten is told the path of each
 */
export function createOutbox (folder: string, from: string, onWritten: (path: string) => void): Transport {
  const transporter = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  return {
    deliver: async (message) => {
      const { message: bytes } = await transporter.sendMail(envelope(from, message) as never) as { message: Buffer }
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = join(folder, `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID().slice(0, 8)}.eml`)
      await writeFile(path, bytes, { mode: 0o600, flag: 'wx' })
      onWritten(path)
    },
    close: () => {}
  }
}
