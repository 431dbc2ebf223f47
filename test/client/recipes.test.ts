import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { goodPassword, projectFile } from '../helper.js'
import { recordCalls } from '../support/client-page.js'
import { blocksOf, bundle, typeErrorsOf, writeBlocks } from '../support/readme-code.js'
import { hosts, startBrowser, startSites } from '../support/sites.js'

const sites = await startSites(t, { env: { RATE_LIMITS: 'off' } })
const newContext = await startBrowser(t)
const api = sites.originOf(hosts.id)
const blocks = blocksOf('client/README.md')
// The database of the sites is in the folder of this test, too.
const folder = writeBlocks(join(t.testdirName, 'recipes'), blocks, api)

/** Writes auth.js of the README with a storage, and counts the listeners. */
async function bundleWith(main: string, storage = 'dpop'): Promise<string> {
  const auth = blocks.find(({ file }) => file === 'auth.js')?.code ?? ''
  const counting = `
    const { onchange } = auth
    globalThis.listeners = 0
    auth.onchange = (...args) => {
      listeners += 1
      const off = onchange(...args)
      return () => { listeners -= 1; off() }
    }
    globalThis.auth = auth`
  writeFileSync(
    join(folder, 'auth.js'),
    auth.replace('https://id.example.com', api).replace("'dpop'", `'${storage}'`) + counting,
  )
  const entry = join(folder, 'main.jsx')
  writeFileSync(entry, `import { auth } from './auth.js'\n${main}\nglobalThis.isReady = true\n`)
  return await bundle(entry)
}

async function run(page: Page, script: string): Promise<void> {
  await page.evaluate("document.body.innerHTML = '<div id=root></div>'")
  await page.addScriptTag({ type: 'module', content: script })
  await page.waitForFunction('window.isReady')
}

async function open(script: string): Promise<{ page: Page; context: BrowserContext }> {
  const context = await newContext()
  const page = await sites.open(context, hosts.app)
  await run(page, script)
  return { page, context }
}

const person = (email: string) => JSON.stringify({ email, password: goodPassword })

const template = /<button v-if.*<\/button>/.exec(await projectFile('client/README.md'))?.[0]

/** A page with each recipe. `end` removes it; `kept` listeners belong to the module. */
const pages = {
  React: {
    kept: 0,
    main: `
      import { StrictMode } from 'react'
      import { createRoot } from 'react-dom/client'
      import { Account } from './react.jsx'
      await auth.ready
      const root = createRoot(document.getElementById('root'))
      root.render(<StrictMode><Account /></StrictMode>)
      globalThis.end = () => root.unmount()`,
  },
  Vue: {
    kept: 1,
    main: `
      import { createApp } from 'vue'
      import { user } from './vue.js'
      await auth.ready
      const template = ${JSON.stringify(`${template}<p v-else>Log in</p>`)}
      const app = createApp({ template, setup: () => ({ auth, user }) })
      app.mount('#root')
      globalThis.end = () => app.unmount()`,
  },
  Svelte: {
    kept: 0,
    main: `
      import { mount, unmount } from 'svelte'
      import Account from './Account.svelte'
      await auth.ready
      const app = mount(Account, { target: document.getElementById('root') })
      globalThis.end = () => unmount(app)`,
  },
}

for (const [name, { main, kept }] of Object.entries(pages))
  t.test(`the recipe for ${name} works as it is written`, async (t) => {
    const script = await bundleWith(main)
    const { page, context } = await open(script)
    const email = `${name.toLowerCase()}@example.org`
    await page.getByText('Log in', { exact: true }).waitFor()
    await page.evaluate(`auth.signup(${person(email)})`)
    const button = page.getByRole('button', { name: `Log out ${email}` })
    await button.waitFor()

    await page.reload()
    const calls = recordCalls(page, api)
    await run(page, script)
    t.ok(await button.isVisible(), 'the first picture has the user')
    t.strictSame(calls, [], 'nothing is sent')
    t.equal(await page.evaluate('listeners'), 1)
    await button.click()
    await page.getByText('Log in', { exact: true }).waitFor()
    // The page shows it before the server knows.
    await page.evaluate('auth.ready')
    await page.waitForTimeout(100)
    t.strictSame(calls, ['POST /logout'], 'once')

    await page.evaluate('end()')
    await page.waitForFunction(`listeners === ${kept}`)
    await context.close()
  })

for (const storage of ['dpop', 'cookie', 'local'])
  t.test(`the recipe for axios works with the storage ${storage}`, async (t) => {
    const main = "import { http } from './http.js'\nglobalThis.http = http"
    const { page, context } = await open(await bundleWith(main, storage))
    const email = `axios-${storage}@example.org`
    const me = async () =>
      await page.evaluate('http.get("/me").then(({ status, data }) => [status, data.email])')
    await page.evaluate(`auth.signup(${person(email)})`)
    t.strictSame(await me(), [200, email])

    // The client does not notice that the clock of the server has moved.
    sites.built.time.now += 900_000
    await page.waitForTimeout(50)
    const isOld =
      'performance.now = ((now) => () => now.call(performance) + 60_000)(performance.now)'
    await page.evaluate(isOld)
    let renewals = 0
    page.on('response', (reply) => {
      if (reply.url() === `${api}/refresh` && reply.ok()) renewals += 1
    })
    const patched = await page.evaluate(
      'http.patch("/me", { name: "Ada" }).then(({ status, data }) => [status, data.name])',
    )
    t.strictSame(patched, [200, 'Ada'], 'the request is sent again with its body')
    t.equal(renewals, 1)

    const foreign = `http.get("${sites.originOf(hosts.foreign)}/").catch(({ cause }) => cause.code)`
    t.equal(await page.evaluate(foreign), 'foreign_origin')
    await context.close()
  })

t.test('a worker shares the login of a page with the storage dpop', async (t) => {
  const { page, context } = await open(await bundleWith(''))
  await page.evaluate(`auth.signup(${person('worker@example.org')})`)
  const script = await bundleWith(`
    await auth.ready
    const reply = await auth.fetch('${api}/me')
    postMessage([auth.user.email, reply.status])`)
  const url = `URL.createObjectURL(new Blob([${JSON.stringify(script)}], { type: 'text/javascript' }))`
  const told = await page.evaluate(`new Promise((resolve, reject) => {
    const worker = new Worker(${url}, { type: 'module' })
    worker.onmessage = ({ data }) => resolve(data)
    worker.onerror = ({ message }) => reject(new Error(message))
  })`)
  t.strictSame(told, ['worker@example.org', 200])
  await context.close()
})

t.test('JavaScript of the two READMEs has no type errors', async (t) => {
  const types = writeBlocks(join(folder, 'types'), [], api)
  const files = [...blocks, ...blocksOf('README.md')]
    .filter(({ language }) => language === 'js')
    .map(({ code, file }, index) => {
      const path = join(types, file ?? `example-${index}.js`)
      writeFileSync(path, importsFor(code) + code)
      return path
    })
  t.equal(files.length, 7, 'the examples are found')
  t.strictSame(typeErrorsOf(files), [])
  const wrong = join(types, 'wrong.js')
  writeFileSync(wrong, "import { auth } from './auth.js'\nawait auth.login({ mail: '' })\n")
  t.equal(typeErrorsOf([wrong]).length, 1, 'an error would be found')
})

/** Returns the import that an example leaves out. */
function importsFor(code: string): string {
  if (/^import .*\b(auth|createLatchkey)\b/m.test(code)) return ''
  return code.includes('createLatchkey(')
    ? "import { createLatchkey } from 'latchkey-client'\n"
    : "import { auth } from './auth.js'\n"
}
