import { Type } from 'typebox'
import { Problem } from '../../errors.js'
import { exampleUrl } from '../../http/examples.js'
import type { App } from '../../http/fastify.js'
import { canonicalPath, prefixOf } from '../../http/prefix.js'
import { dpopAlgorithms } from '../../tokens/dpop-proof.js'
import type { Services } from '../../services.js'

const Metadata = Type.Object(
  {
    issuer: Type.String({
      description: 'The `iss` of every token: PUBLIC_URL',
      examples: [exampleUrl],
    }),
    jwks_uri: Type.String({
      description: 'The URL of the public keys',
      examples: [`${exampleUrl}/.well-known/jwks.json`],
    }),
    id_token_signing_alg_values_supported: Type.Array(Type.Enum(['ES256', 'EdDSA', 'RS256']), {
      description:
        'The algorithms of the keys. Libraries accept these algorithms for every kind of token',
      maxItems: 3,
      examples: [['ES256']],
    }),
    dpop_signing_alg_values_supported: Type.Array(Type.Enum(dpopAlgorithms), {
      description: 'The algorithms of DPoP proofs (RFC 9449 §5.1)',
      maxItems: dpopAlgorithms.length,
      examples: [dpopAlgorithms],
    }),
    subject_types_supported: Type.Array(Type.Literal('public'), {
      description: '`sub` is the same for every client',
      maxItems: 1,
      examples: [['public']],
    }),
    response_types_supported: Type.Array(Type.String(), {
      description: 'None: there is no authorization endpoint',
      maxItems: 0,
      examples: [[]],
    }),
    grant_types_supported: Type.Array(Type.String(), {
      description: 'None: logging in is not an OAuth grant',
      maxItems: 0,
      examples: [[]],
    }),
  },
  { description: 'The metadata' },
)

/** One of the two documents. Both have the same members. */
interface Document {
  name: 'oauth-authorization-server' | 'openid-configuration'
  operationId: string
  summary: string
}

/** Serves the metadata of an authorization server (RFC 8414): the issuer and its keys. */
export function serverMetadataRoute(app: App, services: Services): void {
  documentRoute(app, services, {
    name: 'oauth-authorization-server',
    operationId: 'readServerMetadata',
    summary: 'Find the issuer and its keys (RFC 8414)',
  })
}

/** Serves the same metadata where OpenID Connect libraries look for it. */
export function openidConfigurationRoute(app: App, services: Services): void {
  documentRoute(app, services, {
    name: 'openid-configuration',
    operationId: 'readOpenidConfiguration',
    summary: 'Find the issuer and its keys (OpenID Connect Discovery)',
  })
}

function documentRoute(
  app: App,
  { config, ring }: Services,
  { name, operationId, summary }: Document,
): void {
  const issuer = config.PUBLIC_URL
  const issuerPath = prefixOf(issuer)
  const metadata = () => ({
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    id_token_signing_alg_values_supported: [...new Set(ring.jwks().keys.map(({ alg }) => alg))],
    dpop_signing_alg_values_supported: [...dpopAlgorithms],
    subject_types_supported: ['public' as const],
    // RFC 8414 §3.2 would omit empty lists. But the first is required, and without the second
    // `authorization_code` and `implicit` are implied (§2).
    response_types_supported: [],
    grant_types_supported: [],
  })
  const url = `/.well-known/${name}`
  const schema = {
    operationId,
    summary,
    description:
      'Resource-server libraries need only the URL of the issuer: they find the keys here. This is not an OAuth authorization server. It has no grants, clients or ID tokens, and so no authorization endpoint and no token endpoint.',
    tags: ['Tokens'],
    response: { 200: Metadata },
  }
  app.get(url, { config: { public: true }, schema }, async (_request, reply) => {
    reply.header('cache-control', `public, max-age=${ring.cacheSeconds}`)
    return metadata()
  })
  // RFC 8414 §3.1 puts the well-known segment between the host and the path of the issuer. A
  // wildcard, because a path can contain characters with a meaning for the router.
  if (issuerPath !== '') {
    app.get(
      `${url}/*`,
      { config: { public: true }, schema: { ...schema, hide: true } },
      async (request, reply) => {
        // A request may name the whole URL (RFC 9112 §3.2.2).
        const path = request.url.replace(/^https?:\/\/[^/]*|\?.*$/gis, '')
        if (canonicalPath(path) !== canonicalPath(`${url}${issuerPath}`))
          throw new Problem('not_found')
        reply.header('cache-control', `public, max-age=${ring.cacheSeconds}`)
        return metadata()
      },
    )
  }
}
