import { build } from 'esbuild'
import t from 'tap'
import { run, signUp, startClientPages } from '../support/client-page.js'
import { hosts } from '../support/sites.js'

t.test('a client that is generated from the contract uses the login', async (t) => {
  const pages = await startClientPages(t)
  const api = pages.sites.originOf(hosts.id)
  const { outputFiles } = await build({
    stdin: { contents: `export { default } from 'openapi-fetch'`, resolveDir: '.' },
    ...{ bundle: true, format: 'iife', globalName: 'openapi', write: false },
  })
  const context = await pages.newContext()
  await context.clock.install()
  for (const storage of ['local', 'cookie', 'dpop'] as const) {
    const page = await pages.open(context, storage)
    const email = await signUp(page, `generated-${storage}@example.org`)
    await page.addScriptTag({ content: outputFiles[0]?.text ?? '' })
    await run(
      page,
      `window.api = openapi.default({ baseUrl: '${api}', fetch: auth.fetch }), undefined`,
    )
    await page.clock.fastForward('20:00')
    t.match(await run(page, `api.GET('/me').then(({ data }) => data)`), { email }, storage)
    const change = `api.PATCH('/me', { body: { name: 'Augusta' } }).then(({ data }) => data)`
    t.match(await run(page, change), { name: 'Augusta' })
    const wrong = `api.POST('/me/delete', { body: { password: 'x' } }).then(({ error }) => error.code)`
    t.equal(await run(page, wrong), 'wrong_password')
    await page.close()
  }
  await context.close()
})
