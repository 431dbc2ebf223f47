/**
 * A failure as the SMTP library reports it: the failed command, and the reply of the server if
 * there was one.
 */
interface SmtpFailure {
  command?: string
  responseCode?: number
  response?: string
}

/**
 * Replies about the session: bad sequence of commands (RFC 5321 §4.2.3), and authentication and
 * encryption (RFC 4954 §6).
 */
const sessionCodes = new Set([503, 530, 534, 535, 538])

/**
 * Enhanced status codes (RFC 3463) about the sender, the mail system or the protocol: a bad
 * sender, a system fault, a sending quota, a bad command. 5.3.4 (message too big) is about the
 * message.
 */
const serverStatus = /^5\.(1\.[78]|3\.[01235]|4\.5|5\.\d+)$/

/**
 * A policy (RFC 3463 §3.8). In reply to RCPT TO, the server does not relay for this client. In
 * reply to DATA, the server does not want the message.
 */
const policyStatus = /^5\.7\.\d+$/

/**
 * Whether a server refused this mail for good, so that a retry does not help (RFC 5321 §4.2.1):
 * with a 5xx reply to RCPT TO or DATA about the receiver or the message. Every other failure is
 * about the server or its settings, such as an expired password. It affects all mails and may
 * pass.
 */
export function isRefusedForGood(error: unknown): boolean {
  const { command = '', responseCode = 0, response = '' } = error as SmtpFailure
  if (responseCode < 500 || sessionCodes.has(responseCode)) return false
  if (command !== 'RCPT TO' && command !== 'DATA') return false
  const [, status = ''] = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response) ?? []
  return !serverStatus.test(status) && !(command === 'RCPT TO' && policyStatus.test(status))
}
