import t from 'tap'
import { parse } from 'yaml'
import { limits } from '../../../src/limits/table.js'
import { buildTestApp, problem, projectFile } from '../../helper.js'

type Schema = Record<string, unknown>
interface Operation {
  operationId: string
  summary: string
  security: object[]
  parameters?: Array<Record<string, unknown>>
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>
}

await t.test('the contract', async (t) => {
  const { call, app } = await buildTestApp(t, {
    env: { PUBLIC_URL: 'https://id.example.org/auth' },
  })
  const json = await call('GET', '/openapi.json')
  t.equal(json.statusCode, 200)
  t.equal(json.headers['content-type'], 'application/json; charset=utf-8')
  const contract = json.json()
  const { version } = JSON.parse(await projectFile('package.json')) as { version: string }
  t.match(contract, { openapi: '3.1.0', info: { version }, servers: [{ url: '/auth' }] })
  const yaml = await call('GET', '/openapi.yaml')
  t.equal(yaml.headers['content-type'], 'application/yaml; charset=utf-8')
  t.strictSame(parse(yaml.body), contract, 'both say the same')
  t.notMatch(json.body, /FST_|node_modules|prisma/i)

  const operations = Object.entries(
    contract.paths as Record<string, Record<string, Operation>>,
  ).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  t.strictSame(operations.map(({ path, method }) => `${method} ${path}`).sort(), [
    'delete /me',
    'get /',
    'get /.well-known/jwks.json',
    'get /.well-known/oauth-authorization-server',
    'get /.well-known/openid-configuration',
    'get /claims',
    'get /health/live',
    'get /health/ready',
    'get /me',
    'get /openapi.json',
    'get /openapi.yaml',
    'get /problems/{code}',
    'patch /me',
    'post /email/change',
    'post /email/change/confirm',
    'post /email/resend',
    'post /email/undo',
    'post /email/verify',
    'post /login',
    'post /logout',
    'post /logout/everywhere',
    'post /password/change',
    'post /password/forgot',
    'post /password/reset',
    'post /refresh',
    'post /signup',
  ])
  t.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length)

  for (const { path, method, operation } of operations) {
    const isProtected = [
      '/me',
      '/claims',
      '/logout/everywhere',
      '/password/change',
      '/email/change',
    ].includes(path)
    const takesToken = path === '/email/change/confirm'
    t.strictSame(
      operation.security,
      isProtected ? [{ accessToken: [] }] : takesToken ? [{}, { accessToken: [] }] : [],
      `${method} ${path}`,
    )
    t.equal(
      operation.responses['401'] !== undefined,
      isProtected || takesToken || path === '/login' || path === '/refresh',
    )
    const reply = await app.inject({
      url: path.replace('{code}', 'not_found'),
      method: method as 'get',
    })
    t.equal(reply.statusCode === 401, isProtected, 'as it says')
    t.ok(
      Object.hasOwn(operation.responses, String(reply.statusCode)),
      `${reply.statusCode} is documented`,
    )
    t.ok(operation.summary)
    t.notOk(
      operation.parameters?.some((parameter) => parameter.in === 'query'),
      'nothing goes into a query',
    )
    for (const [status, { description, content = {} }] of Object.entries(operation.responses)) {
      t.ok(description, `${path} ${status}`)
      if (Number(status) >= 400) t.strictSame(Object.keys(content), ['application/problem+json'])
      t.strictSame(Object.keys(content).length > 0, !['204', '302'].includes(status))
      for (const { schema } of Object.values(content))
        t.ok(resolves(contract, schema), `${path} ${status} has a schema`)
    }
  }
})

await t.test('the page needs nothing from outside', async (t) => {
  const { call } = await buildTestApp(t)
  const page = await call('GET', '/docs')
  t.equal(page.statusCode, 200)
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
  t.match(
    page.headers['content-security-policy'],
    /^default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  )
  t.match(page.headers, {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
  })
  t.notMatch(page.body, /https?:\/\/|src="\/\/|<script(?![^>]* src=)/)
  const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(
    ([, path = '']) => new URL(path, 'http://localhost:3000/docs').pathname,
  )
  t.ok(assets.length >= 5)
  for (const path of assets) {
    const asset = await call('GET', path)
    t.equal(asset.statusCode, 200, path)
    t.equal(asset.headers['x-content-type-options'], 'nosniff')
    if (path.includes('initializer'))
      t.notMatch(asset.body.replace(/\/\/ .*$/gm, ''), /https?:\/\//, 'comments aside')
  }
  for (const path of [
    '/docs/static/nope.js',
    '/docs/static/..%2f..%2fpackage.json',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/.env',
  ])
    problem(t, await call('GET', path), 404, 'not_found')
})

await t.test(
  'one network has a bounded number of large files, and of nothing else by that',
  async (t) => {
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
      for (const reply of replies.slice(most))
        t.equal(problem(t, reply, 429, 'rate_limited').code, 'rate_limited')
      t.not((await read('/docs', '192.0.2.2')).statusCode, 429, 'another network')
      t.equal((await call('GET', '/.well-known/jwks.json')).statusCode, 200)
    }
  },
)

await t.test('without documentation', async (t) => {
  const { call } = await buildTestApp(t, { env: { DOCS: 'off' } })
  for (const path of [
    '/docs',
    '/docs/',
    '/docs/static/index.html',
    '/docs/json',
    '/openapi.json',
    '/openapi.yaml',
  ])
    problem(t, await call('GET', path), 404, 'not_found')
  t.equal((await call('GET', '/problems/not_found')).statusCode, 200)
})

// A schema is one by itself or names one of the contract.
function resolves(
  contract: { components: { schemas: Record<string, Schema> } },
  schema: Schema,
): boolean {
  const name = /^#\/components\/schemas\/(\w+)$/.exec(String(schema.$ref))?.[1]
  return name === undefined
    ? schema.type !== undefined
    : contract.components.schemas[name]?.type === 'object'
}
