import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { buildTestApp, goodPassword, projectFile } from '../helper.js'
import { freePort } from '../support/cluster.js'

const text = await projectFile('docs/holding.md')

t.test('the example of DPoP in docs/holding.md works as it is written', async (t) => {
  const port = await freePort()
  const api = `http://localhost:${port}`
  const { app, signup, time, log } = await buildTestApp(t, { env: { PUBLIC_URL: api } })
  time.now = Date.now()
  await app.listen({ host: 'localhost', port })
  t.teardown(() => {
    app.server.closeAllConnections()
  })
  const { user } = await signup()
  const code = /```js\n(import [^]*?)```/.exec(text)?.[1]
  const file = join(t.testdirName, 'dpop.mjs')
  const setting = { api, email: user.email, password: goodPassword }
  const declared = Object.entries(setting).map(
    ([name, value]) => `const ${name} = ${JSON.stringify(value)}`,
  )
  writeFileSync(
    file,
    [
      String(code).replace("'dpop'", JSON.stringify(import.meta.resolve('dpop'))),
      ...declared,
      "export const me = await (await send('GET', '/me', { token })).json()",
      'export { token }',
    ]
      .join('\n')
      // The settings come before the code that uses them.
      .replace(/([^]*?)\n(const api[^]*?)\n(export const me)/, (_all, code, settings, rest) =>
        [settings, code, rest].join('\n'),
      ),
  )
  const { me } = (await import(pathToFileURL(file).href)) as { me: { email: string } }
  t.equal(me.email, user.email)
  const requests = log()
    .filter(({ msg }) => msg === 'request')
    .map(({ method, route, status }) => [method, route, status])
  t.strictSame(requests.slice(-5), [
    ['POST', '/login', 400],
    ['POST', '/login', 200],
    ['GET', '/me', 200],
    ['POST', '/refresh', 200],
    ['GET', '/me', 200],
  ])
})

t.test('the README compares the three ways', async (t) => {
  const readme = await projectFile('README.md')
  const [section = ''] = /## Hold the token safely\n[^]*?(?=\n## )/.exec(readme) ?? []
  t.match(section, /\| \| `Bearer` \| `Cookie` \| `DPoP`/)
  for (const row of [
    'injected script can',
    'a stolen token is worth',
    'a request of another site can',
    'it is for',
  ])
    t.match(section, new RegExp(`^\\| ${row} \\|( [^|]+ \\|){3}$`, 'm'), row)
})
