import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import { createProxyServer } from 'httpxy'
import t, { type Test } from 'tap'
import { limits } from '../../src/limits/table.js'
import { buildTestApp, frozenNow } from '../helper.js'

mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const { free } = limits['password-email-network']

/**
 * What a proxy does with the X-Forwarded-For that a client sent. httpxy alone passes it on as
 * it is, which no proxy that is trusted may do.
 */
const ways: Record<string, (given: string | undefined, client: string) => string> = {
  appends: (given, client) => (given === undefined ? client : `${given}, ${client}`),
  overwrites: (_given, client) => client,
  // Azure Application Gateway, IIS: another port on each connection.
  'appends with a port': (given, client) =>
    `${given === undefined ? '' : `${given}, `}${client.includes('.') ? client : `[${client}]`}:${port++}`,
  'overwrites with a port': (_given, client) =>
    `${client.includes('.') ? client : `[${client}]`}:${port++}`,
}
let port = 49_152

/** A real proxy before a server that trusts the proxy's address, or another one. */
async function setUp(t: Test, trusted: string, forwardedFor: (typeof ways)[string]) {
  const { app } = await buildTestApp(t, { env: { TRUST_PROXY: trusted } })
  const target = await app.listen({ host: '127.0.0.1', port: 0 })
  const proxy = createProxyServer({ target, xfwd: true })
  const server = createServer((request, reply) => {
    const { 'x-forwarded-for': given } = request.headers
    request.headers['x-forwarded-for'] = forwardedFor(
      given?.toString(),
      String(request.socket.remoteAddress),
    )
    void proxy.web(request, reply)
  }).listen(0, '::')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    server.close().closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  // Two clients by the address at which the proxy sees them.
  return async (client: string, headers = {}) =>
    (
      await fetch(`http://${client}:${port}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ email: 'ada@example.org', password: 'wrong' }),
      })
    ).status
}

for (const [way, forwardedFor] of Object.entries(ways)) {
  t.test(
    `behind a proxy that is trusted and ${way}, two clients count apart, and what a client says of itself counts for nothing`,
    async (t) => {
      const login = await setUp(t, '127.0.0.1', forwardedFor)
      for (let index = 0; index <= free; index++)
        t.equal(await login('[::1]', { 'x-forwarded-for': `203.0.113.${index}` }), 401)
      t.strictSame(
        [await login('[::1]', { 'x-forwarded-for': '198.51.100.1' }), await login('127.0.0.1')],
        [429, 401],
      )
    },
  )

  t.test(`behind a proxy that is not trusted and ${way}, all its clients are one`, async (t) => {
    const login = await setUp(t, '10.0.0.0/8', forwardedFor)
    for (let index = 0; index <= free; index++) t.equal(await login('[::1]'), 401)
    t.strictSame([await login('[::1]'), await login('127.0.0.1')], [429, 429])
  })
}
