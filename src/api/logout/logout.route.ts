import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { App, Reply, Request } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { bodyLimit, ignoreBodies } from '../../http/bodies.js'
import { everyWay } from '../../http/security-schemes.js'
import { countHeader } from '../../http/headers.js'
import { cookie } from '../../http/holding.js'
import { NoQuery } from '../../http/schemas.js'
import { createLogout, createLogoutEverywhere } from './logout.js'
import type { Services } from '../../services.js'
import type { NamedLogin } from '../../tokens/login-claims.js'

const LogoutBody = Type.Object(
  {
    refresh_token: Type.Optional(
      Type.String({
        description: 'A refresh token of the login',
        examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6InJ0K2p3dCIs…'],
      }),
    ),
  },
  { description: 'Any other body is ignored' },
)

/** Ends the login that a token of the request names. */
export function logoutRoute(app: App, services: Services): void {
  const { accessTokens, refreshTokens, sites, tokenCookies } = services
  const logout = createLogout(services)

  const readLogins = (request: Request, reply: Reply): Array<NamedLogin | null> => {
    const shown = readShownToken(request)
    if (shown !== null)
      return [(shown.kind === 'refresh' ? refreshTokens : accessTokens).readLogin(shown.token)]
    if (tokenCookies.areIn(request)) {
      sites.require(request)
      request.holding = cookie
    }
    // Before the logout: the browser must forget the tokens also while the database is away.
    if (sites.passes(request)) tokenCookies.clear(reply)
    return tokenCookies.readAccess(request).map(accessTokens.readLogin)
  }

  app.register(async (api: App) => {
    readSmallJson(api)
    api.post(
      '/logout',
      {
        config: {
          public: true,
          problems: ['cross_site_request', 'unavailable'],
          optionalBody: LogoutBody,
        },
        schema: {
          operationId: 'logout',
          summary: 'Log out of this client',
          description:
            'Revokes every refresh token of one login at once; its access tokens expire within minutes. The login is that of the `refresh_token` in the body, otherwise that of the access token in the `Authorization` header, otherwise that of the cookie. The token may have expired. The reply is 204 with any token or none. Without a token in body or header, the cookies are removed, if the request comes from a page of this server or of CORS_ORIGINS. To log out of every client, use `/logout/everywhere`.',
          tags: ['Account'],
          security: [{}, ...everyWay],
          response: {
            204: Type.Null({ description: 'The client is logged out' }),
          },
        },
      },
      async (request, reply) => {
        for (const login of readLogins(request, reply))
          if (login !== null && (await logout(login)))
            audit(request, 'login.ended', login.accountId)
        return await reply.code(204).send(null)
      },
    )
  })
}

/** A token of a request. It is not verified. */
interface ShownToken {
  kind: 'access' | 'refresh'
  token: string
}

/**
 * Returns the token of the first place that has one: the body, then the Authorization header.
 * The token of a later place is not used, so a request never mixes two accounts. Returns null
 * if neither has a token; then the cookies count.
 */
function readShownToken({
  body,
  headers,
  raw,
}: {
  body: unknown
  headers: IncomingHttpHeaders
  raw: IncomingMessage
}): ShownToken | null {
  const { refresh_token: refreshToken } = Object(body) as { refresh_token?: unknown }
  if (typeof refreshToken === 'string' && refreshToken !== '')
    return { kind: 'refresh', token: refreshToken }
  const [, token = ''] = /^(?:bearer|dpop) +(.*)$/i.exec(headers.authorization ?? '') ?? []
  if (token === '') return null
  // Node keeps the first of two headers. Which of them counts would be a guess.
  return countHeader(raw.rawHeaders, 'authorization') > 1 ? null : { kind: 'access', token }
}

/**
 * Lets the routes of a scope read a small JSON body. The body is null if it is not JSON, has
 * another type, is encoded, or is larger than {@link bodyLimit}. No body is refused.
 */
function readSmallJson(scope: App): void {
  // The framework refuses a type that it cannot parse.
  scope.addHook('onRequest', async ({ headers }) => {
    const isJson = /^application\/json *(;|$)/i.test(headers['content-type'] ?? '')
    const isPlain = /^(identity)?$/i.test(headers['content-encoding'] ?? '')
    if (headers['content-type'] !== undefined)
      headers['content-type'] = isJson && isPlain ? 'application/json' : 'application/octet-stream'
  })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', async () => null)
  scope.addContentTypeParser('application/json', async (_request: unknown, body: Readable) =>
    parse(await readSmall(body)),
  )
}

// Never rejects. The rest of a body that is too large flows away.
async function readSmall(body: Readable): Promise<string> {
  return await new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    body.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= bodyLimit) chunks.push(chunk)
      else resolve('')
    })
    body.on('end', () => {
      resolve(Buffer.concat(chunks).toString())
    })
    // The client is gone. Its body is not complete.
    body.on('error', () => {
      resolve('')
    })
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Logs out of every client. */
export function logoutEverywhereRoute(app: App, services: Services): void {
  const logoutEverywhere = createLogoutEverywhere(services)
  app.register(async (api: App) => {
    ignoreBodies(api)
    api.post(
      '/logout/everywhere',
      {
        config: { limit: 'account', problems: ['forbidden', 'unavailable'] },
        schema: {
          operationId: 'logoutEverywhere',
          summary: 'Log out of every client',
          description:
            'Revokes every refresh token of the account at once. Access tokens expire within minutes.',
          tags: ['Account'],
          querystring: NoQuery,
          response: {
            204: Type.Null({ description: 'Every refresh token of the account is revoked' }),
          },
        },
      },
      async (request, reply) => {
        await logoutEverywhere(request.user.sub)
        audit(request, 'sessions.ended', request.user.sub)
        services.tokenCookies.clearUsed(request, reply)
        return await reply.code(204).send(null)
      },
    )
  })
}
