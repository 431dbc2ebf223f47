import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { checkHealth } from '../../src/cli/health.js'
import { freePort } from '../support/cluster.js'
import { type Case, tableIs } from '../support/table.js'

/** Listens on an address, and returns the port. */
async function listen(t: Test, host: string, listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

t.test('the health check asks where the server listens', async (t) => {
  const said = t.capture(console, 'log', () => {}).args
  const rows: Array<Case<[listens: string, HOST: string], string>> = [
    ['IPv4', ['127.0.0.1', '127.0.0.1'], 'GET /health/live'],
    ['a name', ['127.0.0.1', 'localhost'], 'GET /health/live'],
    ['every IPv4 address', ['0.0.0.0', '0.0.0.0'], 'GET /health/live'],
    ['another address', ['127.0.0.7', '127.0.0.7'], 'GET /health/live'],
    ['IPv6', ['::1', '::1'], 'GET /health/live'],
    ['every address', ['::', '::'], 'GET /health/live'],
  ]
  const run = async ([listens, HOST]: [string, string]) => {
    let asked = ''
    const PORT = await listen(t, listens, ({ method, url }, reply) => {
      asked = `${method} ${url}`
      reply.end()
    })
    await checkHealth({ HOST, PORT })
    return asked
  }
  await tableIs(t, rows, run, 'the request that the server gets')
  t.strictSame(
    said(),
    rows.map(() => ['ok']),
  )
})

t.test('a server that is not well is an error with the reason', async (t) => {
  const HOST = '127.0.0.1'
  const error = async (PORT: number) =>
    await checkHealth({ HOST, PORT }).then(
      () => 'ok',
      ({ name, message }: Error) => `${name}: ${message}`.replace(String(PORT), '<port>'),
    )
  const text = (reason: string) =>
    `CommandError: The server at http://127.0.0.1:<port>/health/live does not respond: ${reason}.`
  const ill = await listen(t, HOST, (_request, reply) => reply.writeHead(503).end())
  const rude = await listen(t, HOST, (request) => request.socket.destroy())
  t.equal(await error(ill), text('status 503'))
  t.equal(await error(rude), text('ECONNRESET'))
  t.equal(await error(await freePort()), text('ECONNREFUSED'))
})
