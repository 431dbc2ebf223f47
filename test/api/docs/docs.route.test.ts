import t from 'tap'
import { Type } from 'typebox'
import { parse } from 'yaml'
import { routesOf } from '../../../src/app.js'
import type { App } from '../../../src/http/fastify.js'
import { limits } from '../../../src/limits/table.js'
import { buildTestApp, outcome, projectFile } from '../../helper.js'
import { publicRoutes } from '../../support/public-routes.js'
import { outcomes } from '../../support/replies.js'
import { everyRowIs, rowsOf, tableIs } from '../../support/table.js'

type Schema = Record<string, unknown>
type Content = Record<string, { schema: Schema; example?: unknown; examples?: object }>
interface Operation {
  operationId: string
  summary: string
  description: string
  security?: object[]
  requestBody?: { content: Content }
  parameters?: Array<Record<string, unknown>>
  responses: Record<
    string,
    { description: string; headers?: Record<string, object>; content?: Content }
  >
}

/** The three ways to send an access token. */
const everyWay = [{ accessToken: [] }, { accessCookie: [] }, { boundToken: [] }]

/** The types of errors. The second is that of the OAuth endpoints. */
const errorTypes = ['application/problem+json', 'application/json']

/** HTML pages: they are for people, and so not in the contract. */
const pages = [
  'GET /docs',
  'GET /email/change',
  'GET /email/resend',
  'GET /email/undo',
  'GET /email/verify',
  'GET /login',
  'GET /password/forgot',
  'GET /password/reset',
  'GET /refresh',
  'GET /signup',
]

await t.test('the contract lists every route and fits it', async (t) => {
  const { call, app, config } = await buildTestApp(t, {
    env: { PUBLIC_URL: 'https://id.example.org/auth' },
  })
  const json = await call('GET', '/openapi.json')
  t.strictSame(
    [json.statusCode, json.headers['content-type']],
    [200, 'application/json; charset=utf-8'],
    'GET /openapi.json',
  )
  const contract = json.json()
  const { version } = JSON.parse(await projectFile('package.json')) as { version: string }
  t.match(
    contract,
    {
      openapi: '3.1.0',
      info: { version, contact: { url: 'https://id.example.org/auth' } },
      servers: [{ url: 'https://id.example.org/auth' }],
      security: [{ accessToken: [] }],
    },
    'version, server and default security',
  )
  const yaml = await call('GET', '/openapi.yaml')
  t.equal(yaml.headers['content-type'], 'application/yaml; charset=utf-8', 'GET /openapi.yaml')
  t.strictSame(parse(yaml.body), contract, 'YAML and JSON are the same contract')
  t.notMatch(json.body, /FST_|node_modules|prisma/i, 'no internal name')

  const operations = Object.entries(
    contract.paths as Record<string, Record<string, Operation>>,
  ).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const origins = JSON.stringify(contract.paths).match(/https?:\/\/[^/"\\]+/g)
  t.strictSame(
    [...new Set(origins)],
    ['https://id.example.org'],
    'the examples have the URL of this server',
  )
  const listed = Object.keys(routesOf(config))
    .filter((route) => !pages.includes(route))
    .map((route) => route.replace(/:(\w+)/g, '{$1}'))
  t.strictSame(
    operations.map(({ path, method }) => `${method} ${path}`),
    listed.map((route) => route.replace(/^\w+/, (method) => method.toLowerCase())),
    'the routes, in the order of the map',
  )
  t.equal(
    new Set(operations.map(({ operation }) => operation.operationId)).size,
    operations.length,
    'operation ids are unique',
  )

  await tableIs(
    t,
    operations.map(({ path, method, operation }) => {
      const route = `${method.toUpperCase()} ${path.replace(/{(\w+)}/g, ':$1')}`
      const isProtected = !publicRoutes.includes(route)
      const isOAuth = ['/token', '/introspect'].includes(path)
      const takesToken = ['/email/change/confirm', '/logout'].includes(path)
      return [
        `${method} ${path}`,
        { path, method, operation },
        {
          security: isProtected
            ? undefined
            : isOAuth
              ? [{ clientSecret: [] }, {}]
              : takesToken
                ? [{}, ...everyWay]
                : [],
          documents401:
            isProtected ||
            isOAuth ||
            ['/email/change/confirm', '/login', '/refresh'].includes(path),
          replies401: isProtected || path === '/refresh',
          undocumentedStatus: null,
          summary: true,
          description: true,
          takesQuery: ['GET /admin/users', 'GET /admin/audit', 'GET /claims'].includes(route),
          badReplies: [],
          withoutExample: [],
          headersInLowerCase: [],
        },
      ] as const
    }),
    async ({ path, method, operation }) => {
      const { security, responses, summary, description, requestBody, parameters = [] } = operation
      const { statusCode } = await app.inject({
        url: path.replace('{code}', 'not_found'),
        method: method as 'get',
      })
      return {
        security,
        documents401: responses['401'] !== undefined,
        replies401: statusCode === 401,
        undocumentedStatus: Object.hasOwn(responses, String(statusCode)) ? null : statusCode,
        summary: Boolean(summary),
        description: Boolean(description),
        takesQuery: parameters.some((parameter) => parameter.in === 'query'),
        badReplies: Object.entries(responses)
          .filter(([status, response]) => !isComplete(contract, status, response))
          .map(([status]) => status),
        withoutExample: [requestBody, ...Object.values(responses)]
          .flatMap((message) => Object.entries(message?.content ?? {}))
          .filter(([, { example, examples }]) => example === undefined && examples === undefined)
          .map(([type]) => type),
        headersInLowerCase: Object.values(responses)
          .flatMap(({ headers = {} }) => Object.keys(headers))
          .filter((name) => name === name.toLowerCase()),
      }
    },
    'operations',
  )
})

await t.test('a reply whose schema has no examples has none in the contract', async (t) => {
  const { app } = await buildTestApp(t, {
    beforeReady: (app) => {
      const response = { 200: Type.Object({ hello: Type.String(), status: Type.Literal('ok') }) }
      app.register(async (api: App) => {
        api.get('/log-in/:name', { schema: { response } }, async () => {
          throw new Error('is not called')
        })
      })
    },
    env: { PUBLIC_URL: 'https://id.example.org/log' },
  })
  const { paths = {} } = app.swagger() as { paths?: Record<string, { get?: Operation }> }
  t.strictSame(Object.keys(paths['/log-in/{name}']?.get?.responses['200']?.content ?? {}), [
    'application/json',
  ])
  t.notOk(
    'example' in
      (paths['/log-in/{name}']?.get?.responses['200']?.content?.['application/json'] ?? {}),
  )
  t.equal(Object.keys(paths).at(-1), '/log-in/{name}', 'after the routes of the map, in full')
})

await t.test('the page loads nothing from other servers', async (t) => {
  const { call } = await buildTestApp(t)
  const page = await call('GET', '/docs')
  t.strictSame(
    [page.statusCode, page.headers['content-type']],
    [200, 'text/html; charset=utf-8'],
    'GET /docs',
  )
  t.match(
    page.headers['content-security-policy'],
    /^default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    'the content security policy',
  )
  t.match(
    page.headers,
    {
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    },
    'the security headers',
  )
  t.notMatch(
    page.body,
    /https?:\/\/|src="\/\/|<script(?![^>]* src=)/,
    'no other server and no inline script',
  )
  const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(
    ([, path = '']) => new URL(path, 'http://localhost:3000/docs').pathname,
  )
  t.ok(assets.length >= 5, 'the page has assets')
  await everyRowIs(
    t,
    rowsOf([...new Set(assets)]),
    [200, 'nosniff', null],
    async (path) => {
      const { statusCode, headers, body } = await call('GET', path)
      const other = path.includes('initializer')
        ? body.replace(/\/\/ .*$/gm, '').match(/https?:\/\//)
        : null
      return [statusCode, headers['x-content-type-options'], other]
    },
    'assets',
  )
  await everyRowIs(
    t,
    rowsOf([
      '/docs/static/nope.js',
      '/docs/static/..%2f..%2fpackage.json',
      '/docs/static/%2e%2e/%2e%2e/package.json',
      '/docs/static/.env',
    ]),
    '404 not_found',
    async (path) => outcome(await call('GET', path)),
    'files that are not assets',
  )
})

await t.test('a network is limited in large files of the documentation only', async (t) => {
  for (const [RATE_LIMITS, most] of [
    ['on', limits['docs-network'].calls],
    ['off', 120],
  ] as const) {
    const { app, call } = await buildTestApp(t, { env: { RATE_LIMITS } })
    const read = async (url: string, remoteAddress = '192.0.2.1') =>
      await app.inject({ method: 'GET', url, remoteAddress })
    const paths = [
      '/docs',
      '/docs/static/swagger-ui.css',
      '/openapi.json',
      '/openapi.yaml',
      '/docs/static/nope.js',
    ]
    const replies = []
    for (let index = 0; index < 120; index++)
      replies.push(await read(paths[index % paths.length] as string))
    t.equal(replies.filter(({ statusCode }) => statusCode !== 429).length, most, RATE_LIMITS)
    t.strictSame(
      outcomes(replies.slice(most)),
      most < 120 ? { '429 rate_limited': 120 - most } : {},
      `RATE_LIMITS=${RATE_LIMITS}: above the limit`,
    )
    t.not((await read('/docs', '192.0.2.2')).statusCode, 429, 'another network')
    t.equal(outcome(await call('GET', '/.well-known/jwks.json')), '200', 'another route')
  }
})

await t.test('DOCS=off removes the documentation only', async (t) => {
  const { call } = await buildTestApp(t, { env: { DOCS: 'off' } })
  await everyRowIs(
    t,
    rowsOf([
      '/docs',
      '/docs/',
      '/docs/static/index.html',
      '/docs/json',
      '/openapi.json',
      '/openapi.yaml',
    ]),
    '404 not_found',
    async (path) => outcome(await call('GET', path)),
    'paths of the documentation',
  )
  t.equal(outcome(await call('GET', '/problems/not_found')), '200', 'the page of a problem')
})

// A reply has a description, and a body of the right media type where it has one.
function isComplete(
  contract: Parameters<typeof resolves>[0],
  status: string,
  { description, content = {} }: Operation['responses'][string],
): boolean {
  const types = Object.keys(content)
  return (
    Boolean(description) &&
    (Number(status) < 400 || errorTypes.includes(types.join())) &&
    types.length > 0 === !['204', '302', '304'].includes(status) &&
    Object.values(content).every(({ schema }) => resolves(contract, schema))
  )
}

// A schema is one by itself or names one of the contract.
function resolves(
  contract: { components: { schemas: Record<string, Schema> } },
  schema: Schema,
): boolean {
  const name = /^#\/components\/schemas\/(\w+)$/.exec(String(schema.$ref))?.[1]
  return name === undefined
    ? schema.type !== undefined
    : contract.components.schemas[name]?.type === 'object' ||
        contract.components.schemas[name]?.oneOf !== undefined
}
