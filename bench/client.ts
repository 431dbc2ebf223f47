import { Agent, type IncomingHttpHeaders, request } from 'node:http'

/**
 * Sends a request, with a JSON body if one is given, and returns the response. Throws if there
 * is no response.
 */
export type Client = (
  url: string,
  message: { method?: string; body?: object; token?: string; headers?: Record<string, string> },
) => Promise<{ status: number; body: string; headers: IncomingHttpHeaders }>

/**
 * Creates a client with few connections, like a proxy. So overdue requests after a stall of the
 * machine do not open thousands of connections.
 *
 * @param keepAlive if false, each request opens a connection
 */
export function createClient(
  timeoutMilliseconds: number,
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
          timeout: timeoutMilliseconds,
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
