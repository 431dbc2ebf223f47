// The upper bound: Fastify with one route that returns the reply of GET /claims, in a process of
// its own. `logged` adds the request log of the product.
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import { createLogger, logRequests } from '../src/http/log.js'
import { type AccessClaims, AccessClaimsSchema } from '../src/tokens/access-token.js'
import { reportState } from './process-state.js'

const hasLog = process.argv[2] === 'logged'
const now = Math.floor(Date.now() / 1000)
const claims: AccessClaims = {
  iss: 'http://localhost:3000',
  sub: '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1',
  aud: 'http://localhost:3000',
  iat: now,
  exp: now + 600,
  auth_time: now,
  jti: crypto.randomUUID(),
}
const loggerInstance: FastifyBaseLogger | undefined = hasLog
  ? await createLogger('info', process.stdout)
  : undefined
const app = fastify(
  loggerInstance === undefined
    ? {}
    : { loggerInstance, logController: new LogController({ disableRequestLogging: true }) },
)
if (hasLog) logRequests(app)
app.get('/claims', { schema: { response: { 200: AccessClaimsSchema } } }, async () => claims)
reportState()
const address = await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.(address)
