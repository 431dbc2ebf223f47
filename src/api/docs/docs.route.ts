import swaggerUi from '@fastify/swagger-ui'
import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { prefixOf } from '../../http/prefix.js'
import type { Services } from '../../services.js'

// The page may load only what this server sends. Its own script sets style attributes.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const OpenApi = { type: 'object', additionalProperties: true, description: 'OpenAPI 3.1' } as const

/** Serves the contract as JSON. */
export function openapiJsonRoute(app: App): void {
  const json = once(() => JSON.stringify(app.swagger()))
  app.get(
    '/openapi.json',
    {
      config: { public: true, limit: 'docs' },
      schema: {
        operationId: 'readOpenapiJson',
        summary: 'This contract, as JSON',
        tags: ['Operation'],
        response: { 200: OpenApi },
      },
    },
    async (_request, reply) => await reply.type('application/json; charset=utf-8').send(json()),
  )
}

/** Serves the contract as YAML. */
export function openapiYamlRoute(app: App): void {
  const yaml = once(() => app.swagger({ yaml: true }))
  app.get(
    '/openapi.yaml',
    {
      config: { public: true, limit: 'docs' },
      schema: {
        operationId: 'readOpenapiYaml',
        summary: 'This contract, as YAML',
        tags: ['Operation'],
        response: {
          200: {
            description: 'OpenAPI 3.1',
            content: { 'application/yaml': { schema: Type.String() } },
          },
        },
      },
    },
    async (_request, reply) => await reply.type('application/yaml; charset=utf-8').send(yaml()),
  )
}

/** Serves a page to read the contract and to try the API. */
export function docsRoute(app: App, { config, countDocs }: Services): void {
  const prefix = prefixOf(config.PUBLIC_URL)
  app.register(async (page) => {
    // The files are large, and reading them occupies the threads that hash.
    page.addHook('onRequest', async (request) => {
      await countDocs(request)
    })
    page.addHook('onRoute', (route) => {
      route.config = { ...route.config, public: true }
      // The plugin's own redirect lacks the path of PUBLIC_URL.
      if (route.url === '/docs/static/index.html')
        route.handler = async (_request, reply) => await reply.redirect(`${prefix}/docs`)
    })
    await page.register(swaggerUi, {
      routePrefix: '/docs',
      // The files are named relative to the page, whatever its address is.
      indexPrefix: '.',
      staticCSP: contentSecurityPolicy,
      uiConfig: { layout: 'BaseLayout', validatorUrl: null, tryItOutEnabled: true },
      theme: { title: 'Latchkey API' },
    })
  })
}

// Build on first use: the contract is large, and unread responses share it.
function once(build: () => string) {
  let built: Buffer | undefined
  return () => {
    built ??= Buffer.from(build())
    // The framework sends bytes as they are, whatever the schema says.
    return built as never
  }
}
