import { createHmac } from 'node:crypto'

const prefix = 'whsec_'

/**
 * Returns whether a text is a secret of Standard Webhooks: `whsec_` and the base64 of 24 to 64
 * bytes.
 */
export function isWebhookSecret(text: string): boolean {
  const { length } = keyOf(text)
  // The decoder skips characters that are not base64.
  return length >= 24 && length <= 64 && text === `${prefix}${keyOf(text).toString('base64')}`
}

/**
 * Returns the header `webhook-signature` (Standard Webhooks, v1): a signature for each secret.
 * During a rotation a receiver may have the old secret or the new one.
 *
 * @param seconds the header `webhook-timestamp`
 */
export function signWebhook(secrets: string[], id: string, seconds: number, body: string): string {
  return secrets
    .map((secret) => {
      const hmac = createHmac('sha256', keyOf(secret))
      return `v1,${hmac.update(`${id}.${seconds}.${body}`).digest('base64')}`
    })
    .join(' ')
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(prefix.length), 'base64')
}
