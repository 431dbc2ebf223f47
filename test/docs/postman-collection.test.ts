import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { freePort } from '../support/cluster.js'
import { newestMailToken } from '../support/outbox.js'
import { post, startServer } from '../support/process.js'
import { goodPassword, projectFile } from '../helper.js'

interface Item {
  name: string
  item?: Item[]
  request?: { method: string; url: { path: string[] } }
}
interface Collection {
  variable: Array<{ key: string; value: string }>
  item: Item[]
}
interface Execution {
  item: { name: string }
  response?: { code: number }
  assertions?: Array<{ assertion: string; error?: object }>
}

const committed = resolve('docs/latchkey.postman_collection.json')
const collection = JSON.parse(readFileSync(committed, 'utf8')) as Collection
const requests = collection.item.flatMap(({ item = [] }) => item)

/**
 * Runs the collection in the folder of the test. Returns the requests that were made and the
 * assertions that failed.
 */
async function newman(t: Test, url: string, file = committed, ...options: string[]) {
  const report = join(t.testdirName, 'report.json')
  const code = await promisify(execFile)(process.execPath, [
    ...[resolve('node_modules/newman/bin/newman.js'), 'run', file, ...options],
    ...['--env-var', `baseUrl=${url}`],
    ...['--reporters', 'json', '--reporter-json-export', report],
  ]).then(
    () => 0,
    ({ code }: { code: number }) => code,
  )
  const { run } = JSON.parse(readFileSync(report, 'utf8')) as { run: { executions: Execution[] } }
  const failed = run.executions.flatMap(({ item, assertions = [] }) =>
    assertions
      .filter(({ error }) => error !== undefined)
      .map(({ assertion }) => `${item.name}: ${assertion}`),
  )
  return { code, executions: run.executions, failed }
}

t.test('the collection is what openapi.yaml says; write it with "npm run postman"', async (t) => {
  const file = join(t.testdir(), 'collection.json')
  await promisify(execFile)(process.execPath, ['docs/postman/write.mjs', file])
  t.equal(readFileSync(committed, 'utf8'), readFileSync(file, 'utf8'))
})

t.test('the collection has every operation of the contract', async (t) => {
  const { paths } = parse(await projectFile('openapi.yaml')) as {
    paths: Record<string, Record<string, object>>
  }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const made = requests.map(({ request }) => `${request?.method} /${request?.url.path.join('/')}`)
  const named = new Set(
    made.map((route) =>
      route.replace(/(\/problems\/)\w+/, '$1{code}').replace('{{userId}}', '{id}'),
    ),
  )
  t.strictSame([...named].sort(), operations.sort())
  t.match(made[0], 'POST /signup')
  t.match(made.at(-1), 'DELETE /me')
})

t.test('newman runs the collection, twice in a row, with the default settings', async (t) => {
  const { url } = await startServer(t, t.testdir())
  for (const turn of ['first', 'second']) {
    const { code, executions, failed } = await newman(t, url)
    t.strictSame(failed, [], `the ${turn} run`)
    t.equal(code, 0)
    t.strictSame(
      executions.map(({ item }) => item.name),
      requests.map(({ name }) => name),
      'in order',
    )
    t.ok(
      executions.every(({ assertions = [] }) => assertions.length > 0),
      'each request has an assertion',
    )
  }
})

t.test('newman runs the collection against a server under a path', async (t) => {
  const port = await freePort()
  const PUBLIC_URL = `http://localhost:${port}/auth`
  await startServer(t, t.testdir(), { PORT: String(port), PUBLIC_URL })
  t.strictSame((await newman(t, PUBLIC_URL)).failed, [])
})

t.test('a run fails where the server does something else', async (t) => {
  const { url } = await startServer(t, t.testdir(), { SIGNUP_MODE: 'closed' })
  const { code, failed } = await newman(t, url)
  t.equal(code, 1)
  t.match(failed[0], 'Create an account and log in: the status is 201')
})

t.test('a request takes the token of a mail from the variable mailToken', async (t) => {
  const folder = t.testdir()
  const { url } = await startServer(t, folder)
  await post(`${url}/signup`, { email: 'ada@example.org', password: goodPassword })
  const token = await newestMailToken(folder)
  const file = join(folder, 'collection.json')
  const variable = collection.variable.map(({ key, value }) => ({
    key,
    value: key === 'mailToken' ? token : value,
  }))
  writeFileSync(file, JSON.stringify({ ...collection, variable }))
  const [name = ''] = requests.map(({ name }) => name).filter((name) => /^Verify/.test(name))
  const { executions, failed } = await newman(t, url, file, '--folder', name)
  t.strictSame(failed, [])
  t.match(executions, [{ item: { name }, response: { code: 200 } }])
})
