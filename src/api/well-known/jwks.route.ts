import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import type { Services } from '../../services.js'

const text = Type.Optional(Type.String())
const Jwk = Type.Object({
  kty: Type.String(),
  kid: Type.String({ description: 'RFC 7638 thumbprint' }),
  alg: Type.Enum(['ES256', 'EdDSA', 'RS256']),
  use: Type.Literal('sig'),
  crv: text,
  x: text,
  y: text,
  n: text,
  e: text,
})

const exampleKey = {
  kty: 'EC',
  kid: 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U',
  alg: 'ES256',
  use: 'sig',
  crv: 'P-256',
  x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
  y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
}

/** Serves the public keys for offline verification, and how long to cache them. */
export function jwksRoute(app: App, { ring }: Services): void {
  app.get(
    '/.well-known/jwks.json',
    {
      config: { public: true },
      schema: {
        operationId: 'readJwks',
        summary: 'Read the public keys that tokens are verified with',
        description:
          'A JWK Set (RFC 7517). Fetch it again when a token names a `kid` that is not in it, and at the latest after `max-age`.',
        tags: ['Tokens'],
        response: {
          200: Type.Object(
            { keys: Type.Array(Jwk, { examples: [[exampleKey]] }) },
            { description: 'The keys' },
          ),
        },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', `public, max-age=${ring.cacheSeconds}`)
      return ring.jwks()
    },
  )
}
