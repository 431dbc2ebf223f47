import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { writeContract } from '../../../src/cli/openapi.js'
import { buildTestApp, projectFile } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'

t.test('openapi.yaml is what the routes say; write it with "npm run openapi"', async (t) => {
  const file = join(t.testdir(), 'openapi.yaml')
  t.intercept(console, 'log', { value: () => {} })
  await writeContract(pathToFileURL(file))
  t.equal(await projectFile('openapi.yaml'), readFileSync(file, 'utf8'))
})

const oauthPaths = ['/token', '/introspect']

t.test('the example of invalid_request is an error that the route has', async (t) => {
  const built = await buildTestApp(t)
  const { app, call } = built
  const { token } = await createAdminFlow(built).admin()
  const contract = JSON.parse(JSON.stringify(app.swagger())) as {
    paths: Record<string, Record<string, Operation>>
  }
  const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  )
  // The OAuth endpoints have errors of their own shape, without `errors`.
  const withBody = operations.filter(
    ({ requestBody, path }) => requestBody?.required === true && !oauthPaths.includes(path),
  )
  t.ok(withBody.length >= 10)
  for (const { path, method, responses } of withBody) {
    const example = responses['400'].content['application/problem+json'].examples.invalid_request
    const reply = await call(method.toUpperCase() as 'POST', path, { token, body: {} })
    t.strictSame(example.value.errors[0], reply.json().errors[0], `${method} ${path}`)
  }
})

t.test('a refresh and a logout need no body: the cookies count', async (t) => {
  const { app } = await buildTestApp(t)
  const { paths = {} } = JSON.parse(JSON.stringify(app.swagger())) as {
    paths?: Record<string, Record<string, Operation>>
  }
  const optional = Object.keys(paths).filter(
    (path) => paths[path]?.post?.requestBody?.required === false,
  )
  t.strictSame(optional.sort(), ['/logout', '/refresh'])
})

t.test('every operation has a schema of its own problems', async (t) => {
  const { app } = await buildTestApp(t, {
    beforeReady: (app) => {
      app.register(async (scope) => {
        scope.get('/unnamed', { schema: { response: {} } }, async () => {})
      })
    },
  })
  const { paths, components } = JSON.parse(JSON.stringify(app.swagger())) as NamedProblems
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  )
  t.ok(
    operations.some(({ path }) => path === '/unnamed'),
    'a route without operationId',
  )
  for (const { path, method, operationId, responses } of operations) {
    const medias = Object.values(responses).flatMap(
      ({ content }) => content?.['application/problem+json'] ?? [],
    )
    const [name = 'Problem', ...others] = new Set(
      medias.map(({ schema }) => schema.$ref.replace('#/components/schemas/', '')),
    )
    t.strictSame(others, [], `${method} ${path} has one`)
    if (operationId === undefined) t.strictSame([path, name], ['/unnamed', 'Problem'])
    else {
      t.equal(name.toLowerCase(), `${operationId}Problem`.toLowerCase())
      const codes = new Set(medias.flatMap(({ examples }) => Object.keys(examples)))
      t.strictSame(components.schemas[name]?.properties.code?.enum, [...codes], name)
    }
  }
  t.match(components.schemas.LoginProblem, {
    description: 'The problems of POST /login',
    allOf: [{ $ref: '#/components/schemas/Problem' }],
    required: ['code'],
  })
})

interface NamedProblems {
  paths: Record<string, Record<string, NamedOperation>>
  components: { schemas: Record<string, { properties: Record<string, { enum: string[] }> }> }
}

interface NamedOperation {
  operationId?: string
  responses: Record<
    string,
    { content?: Record<string, { schema: { $ref: string }; examples: object }> }
  >
}

interface Operation {
  requestBody?: { required: boolean }
  responses: { 400: { content: Record<'application/problem+json', ProblemExamples> } }
}

interface ProblemExamples {
  examples: { invalid_request: { value: { errors: object[] } } }
}
