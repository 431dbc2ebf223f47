import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { App } from '../src/http/fastify.js'
import { buildTestApp, problem, projectFile } from './helper.js'

t.test("the README's own route is behind the guard", async (t) => {
  const snippet =
    /```ts\n(\/\/ src\/api\/hello\/hello.route.ts\n[^]*?)```/.exec(
      await projectFile('README.md'),
    )?.[1] ?? ''
  const file = join(t.testdir(), 'hello.route.ts')
  writeFileSync(file, snippet)
  const { helloRoute } = (await import(file)) as { helloRoute: (app: App) => void }
  const { call, signup } = await buildTestApp(t, {
    beforeReady: (app) => {
      app.register(async (api: App) => {
        helloRoute(api)
      })
    },
  })
  problem(t, await call('GET', '/hello'), 401, 'missing_token')
  const { access_token: token, user } = await signup()
  t.strictSame((await call('GET', '/hello', { token })).json(), { hello: user.id })
})
