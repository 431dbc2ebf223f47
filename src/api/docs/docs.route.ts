import swaggerUi from '@fastify/swagger-ui'
import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import type { CountCall } from '../../limits/route-limits.js'

// The page may load only what this server sends; the style attributes are those of the page's own
// script.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const OpenApi = { type: 'object', additionalProperties: true, description: 'OpenAPI 3.1' } as const

/**
 * The contract as JSON and YAML, and a page to read and try it.
 *
 * @param count counts a call for a file of the page, and throws Problem `rate_limited`
 */
export function docsRoutes(app: App, { count }: { count: CountCall }): void {
  // Made once, when it is first asked for: it is large, and answers that nobody reads share it.
  const once = (make: () => string) => {
    let made: Buffer | undefined
    return () => {
      made ??= Buffer.from(make())
      // The framework sends bytes as they are, whatever the schema says.
      return made as never
    }
  }
  const json = once(() => JSON.stringify(app.swagger()))
  const yaml = once(() => app.swagger({ yaml: true }))
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

  app.register(async (page) => {
    // The files are large, and reading them takes the threads that hash.
    page.addHook('onRequest', async (request) => {
      await count(request)
    })
    page.addHook('onRoute', (route) => {
      route.config = { ...route.config, public: true }
    })
    await page.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: contentSecurityPolicy,
      uiConfig: { layout: 'BaseLayout', validatorUrl: null, tryItOutEnabled: true },
      theme: { title: 'Latchkey API' },
    })
  })
}
