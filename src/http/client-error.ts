import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Problem, type ProblemCode } from '../errors.js'
import { problemDocument, problemMediaType } from './problems.js'
import type { SecurityHeaders } from './headers.js'

const byParserCode: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** A connection, and the response that Node is sending on it. */
type Connection = Socket & { _httpMessage?: ServerResponse | null }

/**
 * Creates a handler for requests that Node's parser could not read as HTTP or did not receive
 * in time. It responds in the one shape of errors and closes the connection. If a response has
 * begun already, it only closes the connection.
 */
export function createClientErrorHandler(publicUrl: string, securityHeaders: SecurityHeaders) {
  return (error: NodeJS.ErrnoException, socket: Connection): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    // The client would read a second response as a part of the first, or as the response to its
    // next request. Node's own handler looks at the same member.
    if (socket._httpMessage?.headersSent === true) {
      socket.destroySoon()
      return
    }
    const problem = new Problem(byParserCode[String(error.code)] ?? 'invalid_request', {})
    const requestId = randomUUID()
    const body = JSON.stringify(problemDocument(problem, { publicUrl, requestId }))
    const headers = {
      ...securityHeaders,
      'content-type': problemMediaType,
      'cache-control': 'no-store',
      'x-request-id': requestId,
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(
      `HTTP/1.1 ${problem.kind.status} ${problem.kind.title}\r\n${lines.join('')}\r\n${body}`,
    )
    socket.destroySoon()
  }
}
