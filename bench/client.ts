import { Agent, type IncomingHttpHeaders, request } from 'node:http'

/**
 * Sends JSON, or nothing where there is no body, and answers what came back. Throws when
 * nothing does.
 */
export type Client = (
  url: string,
  message: { method?: string; body?: object; token?: string; headers?: Record<string, string> },
) => Promise<{ status: number; body: string; headers: IncomingHttpHeaders }>

/**
 * A client that keeps few connections, as a proxy does: after a stall of the machine, what is
 * due must not come as thousands of new ones.
 *
 * @param keepAlive otherwise each request has a connection of its own
 */
export function createClient(
  patienceMilliseconds: number,
  maxSockets = 32,
  keepAlive = true,
): Client {
  const agent = new Agent({ keepAlive, maxSockets })
  return async (url, { method, body, token, headers }) =>
    await new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body)
      const outgoing = request(
        url,
        {
          agent,
          method: method ?? (body === undefined ? 'GET' : 'POST'),
          headers: {
            ...(body !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(text),
            }),
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...headers,
          },
          timeout: patienceMilliseconds,
        },
        (reply) => {
          let received = ''
          reply.setEncoding('utf8').on('data', (chunk: string) => {
            received += chunk
          })
          reply
            .on('end', () => {
              resolve({ status: reply.statusCode ?? 0, body: received, headers: reply.headers })
            })
            .on('error', reject)
        },
      )
      outgoing
        .on('timeout', () => {
          outgoing.destroy(new Error('no answer in time'))
        })
        .on('error', reject)
        .end(text)
    })
}
