import { Type } from 'typebox'
import { Problem } from '../../errors.js'
import { exampleUrl } from '../../http/examples.js'
import type { App } from '../../http/fastify.js'
import { canonicalPath, prefixOf } from '../../http/prefix.js'
import { dpopAlgorithms } from '../../tokens/dpop-proof.js'
import { ownScopes } from '../../scopes.js'
import type { Services } from '../../services.js'

const authMethods = ['client_secret_basic', 'client_secret_post'] as const

const AuthMethods = Type.Array(Type.Enum(authMethods), {
  description: 'How a machine client sends its credentials',
  maxItems: authMethods.length,
  examples: [authMethods],
})

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
    token_endpoint: Type.String({
      description: 'The URL where machine clients get tokens',
      examples: [`${exampleUrl}/token`],
    }),
    introspection_endpoint: Type.String({
      description: 'The URL that tells whether a token is valid now (RFC 7662)',
      examples: [`${exampleUrl}/introspect`],
    }),
    grant_types_supported: Type.Array(Type.Literal('client_credentials'), {
      description: 'For machine clients. Logging in is not an OAuth grant',
      maxItems: 1,
      examples: [['client_credentials']],
    }),
    token_endpoint_auth_methods_supported: AuthMethods,
    introspection_endpoint_auth_methods_supported: AuthMethods,
    scopes_supported: Type.Array(Type.Enum(ownScopes), {
      description: 'The scopes of the admin API. Others belong to the application',
      maxItems: ownScopes.length,
      examples: [ownScopes],
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
    // RFC 8414 §3.2 would omit an empty list, but this one is required (§2).
    response_types_supported: [],
    token_endpoint: `${issuer}/token`,
    introspection_endpoint: `${issuer}/introspect`,
    grant_types_supported: ['client_credentials' as const],
    token_endpoint_auth_methods_supported: [...authMethods],
    introspection_endpoint_auth_methods_supported: [...authMethods],
    scopes_supported: [...ownScopes],
  })
  const url = `/.well-known/${name}`
  const schema = {
    operationId,
    summary,
    description:
      'Resource-server libraries need only the URL of the issuer: they find the keys here. The only OAuth grant is that of machine clients. People log in with `POST /login`, so there is no authorization endpoint, and there are no ID tokens.',
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
