import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { Problem, type ProblemCode } from '../errors.js'
import { problemDocument, problemMediaType } from './problems.js'
import type { SecurityHeaders } from './headers.js'

const byParserCode: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/**
 * Creates a handler for requests that Node's parser could not read as HTTP or did not receive
 * in time. It responds in the one shape of errors and closes the connection.
 */
export function createClientErrorHandler(publicUrl: string, securityHeaders: SecurityHeaders) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const problem = new Problem(byParserCode[String(error.code)] ?? 'invalid_request', {})
    const requestId = randomUUID()
    const body = JSON.stringify(problemDocument(problem, publicUrl, requestId))
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
