import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { buildTestApp } from '../helper.js'
import { listen } from '../support/raw-socket.js'

/**
 * Sends the head of a request and then a body, as much as is taken, and answers what came back
 * and how many bytes went.
 */
async function pour(
  port: number,
  target: string,
  bytes: number,
): Promise<{ reply: string; sent: number }> {
  const socket = connect(port, '127.0.0.1')
  let reply = ''
  let sent = 0
  socket.on('data', (chunk) => {
    reply += String(chunk)
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    `${target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n`,
  )
  const piece = Buffer.alloc(65_536)
  while (sent < bytes) {
    const chunk = piece.subarray(0, Math.min(piece.length, bytes - sent))
    const error = await new Promise<unknown>((resolve) => {
      socket.write(chunk, resolve)
    })
    if (error) break
    sent += chunk.length
  }
  if (!socket.destroyed) {
    const closed = once(socket, 'close')
    socket.write('GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
    await closed
  }
  return { reply, sent }
}

t.test('of a body that nobody reads, no more than some is taken in', async (t) => {
  const { app } = await buildTestApp(t)
  const port = await listen(app)
  for (const [target, status] of [
    ['POST /logout', 204],
    ['POST /nope', 404],
    ['PUT /me', 405],
    ['POST /logout/everywhere', 401],
  ] as const) {
    const small = await pour(port, target, 900_000)
    t.match(
      small.reply,
      new RegExp(`^HTTP/1.1 ${status} [^]*HTTP/1.1 200 OK`),
      `${target}: the next request on the connection is understood`,
    )
    const endless = await pour(port, target, 1e9)
    t.match(endless.reply, new RegExp(`^HTTP/1.1 ${status} `), target)
    // What the kernel holds of a connection comes on top.
    t.ok(endless.sent < 3e7, `${target}: ${endless.sent} bytes`)
  }
})
