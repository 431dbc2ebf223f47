import t from 'tap'
import { parse } from 'yaml'
import { projectFile } from '../helper.js'
import { startCaddy } from '../support/caddy.js'
import { checkForwardAuth } from '../support/forward-auth-checks.js'
import { startBehindProxy } from '../support/forward-auth.js'

const text = await projectFile('docs/behind-a-proxy.md')

t.test('the lines for nginx are those of the example', async (t) => {
  const example = await projectFile('examples/behind-nginx/latchkey.conf')
  const others = await projectFile('docs/verify-elsewhere.md')
  const snippets = [text, others].map((one) =>
    [...one.matchAll(/```nginx\n([^]*?)```/g)].map(([, lines = '']) => lines),
  )
  t.strictSame(
    snippets.map(({ length }) => length),
    [3, 2],
    'the lines are found',
  )
  for (const snippet of snippets.flat()) t.ok(example.includes(snippet), snippet)
})

t.test('the example for Traefik is YAML, and each of its names exists', (t) => {
  const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(text) ?? []
  const { middlewares, routers, services } = parse(yaml).http
  const used = Object.values<{ service: string; middlewares?: string[] }>(routers)
  t.strictSame([...new Set(used.map(({ service }) => service))].sort(), Object.keys(services))
  t.strictSame(
    [...new Set(used.flatMap(({ middlewares = [] }) => middlewares))].sort(),
    Object.keys(middlewares).sort(),
  )
  t.end()
})

t.test('requests through Caddy', async (t) => {
  const behind = await startBehindProxy(t, { RATE_LIMITS: 'off' })
  if (await startCaddy(t, behind.addresses)) await checkForwardAuth(t, behind)
})
