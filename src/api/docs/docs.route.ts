import swaggerUi from '@fastify/swagger-ui'
import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { prefixOf } from '../../http/prefix.js'
import type { Services } from '../../services.js'

// The page may load only what this server sends. Its own script sets style attributes.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const viewport = '<meta name="viewport" content="width=device-width,initial-scale=1">'

// The library's own layout needs more than the width of a phone: tables become lists.
const phoneStyle = `@media(max-width:600px){
.swagger-ui :is(.wrapper,.opblock-section-header,.opblock-description-wrapper,.responses-inner){padding-left:10px;padding-right:10px}
.swagger-ui :is(.responses-table,.parameters) :is(thead,tbody,tr,td),.swagger-ui :is(.responses-table,table.parameters){display:block;min-width:0;padding-left:0;padding-right:0}
.swagger-ui .responses-table td.response-col_links{display:none}
.swagger-ui :is(pre,pre code,pre span){white-space:pre-wrap!important;overflow-wrap:anywhere}
.swagger-ui .dialog-ux .modal-ux{min-width:0;width:100%}
}
`

const start = { openapi: '3.1.0', info: { title: 'Latchkey', version: '0.1.0' }, paths: {} }
const OpenApi = { type: 'object', description: 'OpenAPI 3.1', examples: [start] } as const

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
        description:
          'For Postman, generators of clients and other tools. Not served with `DOCS=off`.',
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
        description: 'The same as `/openapi.json`. Not served with `DOCS=off`.',
        tags: ['Operation'],
        response: {
          200: {
            description: 'OpenAPI 3.1',
            content: {
              'application/yaml': { schema: Type.String({ examples: ['openapi: 3.1.0\n'] }) },
            },
          },
        },
      },
    },
    async (_request, reply) => await reply.type('application/yaml; charset=utf-8').send(yaml()),
  )
}

/** Serves a page to read the contract and to try the API. */
export function docsRoute(app: App, { countDocs, config }: Services): void {
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
    page.addHook('onSend', (_request, reply, payload, done) => {
      const isPage = String(reply.getHeader('content-type')).startsWith('text/html')
      done(null, isPage ? String(payload).replace('<head>', `<head>${viewport}`) : payload)
    })
    await page.register(swaggerUi, {
      routePrefix: '/docs',
      // The files are named relative to the page, whatever its address is.
      indexPrefix: '.',
      staticCSP: contentSecurityPolicy,
      uiConfig: {
        layout: 'BaseLayout',
        validatorUrl: null,
        tryItOutEnabled: true,
        persistAuthorization: true,
      },
      theme: { title: 'Latchkey API', css: [{ filename: 'phone.css', content: phoneStyle }] },
      // The page calls the server that it came from, also under another name than PUBLIC_URL: its
      // policy allows no other.
      transformSpecification: (contract) => ({
        ...contract,
        servers: [{ url: prefix === '' ? '/' : prefix }],
      }),
      transformSpecificationClone: false,
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
