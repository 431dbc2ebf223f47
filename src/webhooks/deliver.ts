import { splitCredentials } from './receiver-url.js'
import { signWebhook } from './signature.js'

/** The kinds of results of a delivery. */
export type OutcomeKind = 'delivered' | 'gone' | 'refused' | 'timeout' | 'unreachable' | 'stopped'

/** The result of a delivery, with a word for people: a status or an error code. */
export interface Outcome {
  kind: OutcomeKind
  detail: string
}

/** A message for a receiver. */
export interface Message {
  /** The same for every delivery of one change. */
  id: string
  body: string
}

/** How messages are delivered. */
export interface DeliveryOptions {
  secrets: string[]
  /** The time of the delivery in milliseconds. */
  now: number
  timeoutMilliseconds: number
  /** Ends the delivery. */
  signal: AbortSignal
}

/** The max bytes of a reply that are read, so that the connection can be used again. */
const replyBytes = 16_384

/**
 * Sends a message to a receiver, signed as Standard Webhooks says. A status of 2xx means
 * delivered, 410 gone. Redirects are not followed. Never rejects.
 */
export async function deliver(
  url: string,
  { id, body }: Message,
  { secrets, now, timeoutMilliseconds, signal }: DeliveryOptions,
): Promise<Outcome> {
  const { target, authorization } = splitCredentials(url)
  const seconds = Math.floor(now / 1000)
  const ending = new AbortController()
  const end = () => {
    ending.abort()
  }
  const timer = setTimeout(end, timeoutMilliseconds).unref()
  signal.addEventListener('abort', end)
  const send = async (): Promise<Outcome> => {
    const response = await fetch(target, {
      method: 'POST',
      redirect: 'manual',
      signal: ending.signal,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Latchkey',
        'accept-encoding': 'identity',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': signWebhook(secrets, id, seconds, body),
        ...(authorization !== null && { authorization }),
      },
      body,
    })
    // The status counts, also if the body does not end.
    await discard(response).catch(() => {})
    const detail = `status ${response.status}`
    if (response.ok) return { kind: 'delivered', detail }
    return { kind: response.status === 410 ? 'gone' : 'refused', detail }
  }
  const explain = (error: unknown): Outcome => {
    if (signal.aborted) return { kind: 'stopped', detail: 'stopped' }
    if (ending.signal.aborted) return { kind: 'timeout', detail: 'timeout' }
    // The message of the error may have the URL.
    const { code, message } = Object((error as Error).cause) as {
      code?: unknown
      message?: unknown
    }
    const words = message === 'bad port' ? 'port not allowed' : 'no response'
    return { kind: 'unreachable', detail: typeof code === 'string' ? code : words }
  }
  const outcome = await send().catch(explain)
  clearTimeout(timer)
  signal.removeEventListener('abort', end)
  return outcome
}

/** Reads a short reply to its end, and ends the connection of a longer one. */
async function discard({ body }: Response): Promise<void> {
  let left = replyBytes
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    left -= chunk.length
    if (left < 0) break
  }
}
