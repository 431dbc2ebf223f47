import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { startServer } from '../../support/process.js'
import { tableIs } from '../../support/table.js'

interface Operation {
  summary: string
  responses: Record<string, { content?: Record<string, object> }>
}
interface Collection {
  auth: unknown
  item: object[]
  event?: object[]
}
interface Execution {
  item: { name: string }
  request: { method: string }
  response?: { code: number; header: Array<{ key: string; value: string }> }
}

/** What a person who tries the requests would do by hand: keep the tokens of the last reply. */
const keepTokens = `
const reply = pm.response.text().startsWith('{') ? pm.response.json() : {}
if (reply.access_token) pm.collectionVariables.set('bearerToken', reply.access_token)
if (reply.refresh_token) pm.collectionVariables.set('refreshToken', reply.refresh_token)
`

/** The requests that cannot succeed with the examples. */
const refused: Record<string, number> = {
  // Only a mail has the token.
  'POST /password/reset': 400,
  'POST /email/verify': 400,
  'POST /email/change/confirm': 400,
  'POST /email/undo': 400,
  // There is no machine client.
  'POST /token': 400,
  'POST /introspect': 400,
  // DELETE /me was first.
  'POST /me/delete': 401,
}

t.test('Postman imports the contract, and every request of the collection works', async (t) => {
  const folder = t.testdir()
  const { url } = await startServer(t, folder)
  const contract = await (await fetch(`${url}/openapi.json`)).text()
  writeFileSync(join(folder, 'openapi.json'), contract)
  const run = (program: string, ...args: string[]) =>
    execFileSync(process.execPath, [resolve('node_modules', program), ...args], {
      cwd: folder,
      stdio: 'pipe',
      env: { PATH: process.env.PATH ?? '' },
    })
  run(
    'openapi-to-postmanv2/bin/openapi2postmanv2.js',
    ...['-s', 'openapi.json', '-o', 'collection.json'],
    ...['-O', 'folderStrategy=Tags,parametersResolution=Example'],
  )
  const text = readFileSync(join(folder, 'collection.json'), 'utf8')
  const collection = JSON.parse(
    text.replace(/(\\"refresh_token\\": \\")[^"]*\\"/g, '$1{{refreshToken}}\\"'),
  ) as Collection
  t.match(collection.auth, { type: 'bearer', bearer: [{ value: '{{bearerToken}}' }] }, 'the auth')
  collection.event = [{ listen: 'test', script: { type: 'text/javascript', exec: keepTokens } }]
  writeFileSync(join(folder, 'collection.json'), JSON.stringify(collection))
  run(
    'newman/bin/newman.js',
    ...['run', 'collection.json', '--ignore-redirects'],
    ...['--reporters', 'json', '--reporter-json-export', 'report.json'],
  )
  await areDocumented(t, contract, readFileSync(join(folder, 'report.json'), 'utf8'))
})

async function areDocumented(t: Test, contract: string, report: string): Promise<void> {
  const { paths } = JSON.parse(contract) as { paths: Record<string, Record<string, Operation>> }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  )
  const { executions } = (JSON.parse(report) as { run: { executions: Execution[] } }).run
  t.equal(executions.length, operations.length, 'each operation is one request')
  await tableIs(
    t,
    operations.map(({ name, operation }) => [
      name,
      operation,
      // The account of the examples is no admin.
      [refused[name] ?? (name.includes(' /admin/') ? 403 : 'ok'), 'documented'],
    ]),
    ({ summary, responses }) => {
      const { code = 0, header = [] } =
        executions.find(({ item }) => item.name === summary)?.response ?? {}
      const type = header.find(({ key }) => key.toLowerCase() === 'content-type')?.value
      const types = Object.keys(responses[code]?.content ?? {})
      const isDocumented =
        type === undefined ? types.length === 0 : types.includes(type.replace(/;.*/, ''))
      return [
        code >= 200 && code < 300 ? 'ok' : code,
        responses[code] !== undefined && isDocumented ? 'documented' : type,
      ]
    },
    'requests',
  )
}
