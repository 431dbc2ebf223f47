import { Type } from 'typebox'
import type { Admitted } from '../../account/admit.js'
import { Problem } from '../../errors.js'
import type { App, Reply, Request } from '../../http/fastify.js'
import { cookie } from '../../http/holding.js'
import { NoQuery } from '../../http/schemas.js'
import { TokenReply, Transport } from '../../http/token-reply.js'
import { createRefresh } from './refresh.js'
import type { Services } from '../../services.js'

const RefreshBody = Type.Object(
  {
    refresh_token: Type.Optional(
      Type.String({
        description: 'The refresh token of the last reply. Without it, that of the cookie counts',
        examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6InJ0K2p3dCIs…'],
      }),
    ),
    transport: Transport,
  },
  { additionalProperties: false },
)

/**
 * Issues new tokens for a refresh token in the body or in a cookie. That token keeps working.
 * The tokens of a cookie stay in cookies.
 */
export function refreshRoute(app: App, services: Services): void {
  const refresh = createRefresh(services)
  const { sendTokens, sites, tokenCookies } = services

  const refreshByCookie = async (request: Request, reply: Reply) => {
    if (tokenCookies.areIn(request)) sites.require(request)
    try {
      const token = tokenCookies.readRefresh(request)
      if (token === null) throw new Problem('invalid_refresh_token')
      return await refresh(token, undefined)
    } catch (error) {
      const isRefused = error instanceof Problem && error.code === 'invalid_refresh_token'
      if (isRefused && sites.passes(request)) tokenCookies.clear(reply)
      throw error
    }
  }

  const refreshRequest = async (
    request: Request,
    reply: Reply,
    token: string | undefined,
  ): Promise<Admitted> => {
    const { holding } = request
    if (token !== undefined) return await refresh(token, holding?.jkt)
    if (holding?.tokenType === 'DPoP')
      throw new Problem('invalid_request', {
        errors: [{ pointer: '/refresh_token', detail: 'is missing' }],
      })
    request.holding = cookie
    return await refreshByCookie(request, reply)
  }

  app.post(
    '/refresh',
    {
      config: {
        public: true,
        tokens: true,
        problems: ['invalid_refresh_token', 'rate_limited', 'unavailable'],
      },
      // A page sends its cookies without a body.
      preValidation: (request, _reply, done) => {
        const { body } = request as { body: unknown }
        if (body === undefined) request.body = {}
        done()
      },
      schema: {
        operationId: 'refresh',
        summary: 'Get new tokens for a refresh token',
        description:
          'Can be repeated. After a lost reply, or in several tabs at once, the same refresh token works until it expires. Without a body the cookies count, and the new tokens are put into cookies. A refresh token that is bound to a key needs a DPoP proof by that key.',
        tags: ['Account'],
        querystring: NoQuery,
        body: RefreshBody,
        response: {
          200: {
            ...TokenReply,
            description: 'New tokens; replace the old refresh token by the new one',
          },
        },
      },
    },
    async (request, reply) => {
      const admitted = await refreshRequest(request, reply, request.body.refresh_token)
      await sendTokens(request, reply, admitted)
    },
  )
}
