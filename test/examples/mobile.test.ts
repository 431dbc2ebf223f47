import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { Problem } from '../../src/errors.js'
import { buildTestApp, goodPassword, projectFile, type TestApp } from '../helper.js'
import { freePort } from '../support/cluster.js'

const source = await projectFile('examples/mobile/latchkey.ts')

/** The exports of the example. */
interface Client {
  restore: () => Promise<{ email: string } | null>
  signIn: (email: string, password: string) => Promise<{ email: string }>
  signOut: () => Promise<void>
  call: (path: string, init?: RequestInit) => Promise<Response>
  accessToken: () => Promise<string>
}

// The part of the types of expo-secure-store that the example uses.
const types = `
export type KeychainAccessibilityConstant = number
export declare const AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: KeychainAccessibilityConstant
export type SecureStoreOptions = { keychainAccessible?: KeychainAccessibilityConstant }
export declare function deleteItemAsync(key: string, options?: SecureStoreOptions): Promise<void>
export declare function getItemAsync(key: string, options?: SecureStoreOptions): Promise<string | null>
export declare function setItemAsync(key: string, value: string, options?: SecureStoreOptions): Promise<void>
`

// Writes take a while, and a later one can be done first.
const fake = `
export const AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY = 1
const items = (globalThis.secureItems ??= new Map())
const check = (options) => {
  if (globalThis.isLocked) throw new Error('the phone is locked')
  if (options?.keychainAccessible !== 1) throw new Error('not for background tasks')
}
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export const getItemAsync = async (key, options) => (check(options), items.get(key) ?? null)
export const setItemAsync = async (key, value, options) => {
  check(options)
  if (new TextEncoder().encode(value).length > 2048) throw new Error('too large')
  await pause(20)
  items.set(key, value)
}
export const deleteItemAsync = async (key, options) => {
  check(options)
  items.delete(key)
}
`

/** What the fake secure store has. */
const phone = globalThis as typeof globalThis & {
  secureItems: Map<string, string>
  isLocked: boolean
}

/** Starts the app on the phone: a new copy of the module, with the same secure store. */
async function startApp(t: Test, api: string): Promise<Client> {
  const folder = t.testdirName
  const store = join(folder, 'node_modules/expo-secure-store')
  mkdirSync(store, { recursive: true })
  writeFileSync(join(store, 'package.json'), '{"type":"module","exports":"./index.js"}')
  writeFileSync(join(store, 'index.js'), fake)
  const file = join(folder, `client-${Math.random()}.mjs`)
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 }
  const { outputText } = ts.transpileModule(source, { compilerOptions: options })
  writeFileSync(file, outputText.replace('http://localhost:3000', api))
  return (await import(pathToFileURL(file).href)) as Client
}

/** A server whose database can be away, and a person with an account. */
async function serve(t: Test) {
  const port = await freePort()
  const api = `http://localhost:${port}`
  const state = { isAway: false, afterRead: async () => {} }
  const built = await buildTestApp(t, {
    env: { PUBLIC_URL: api },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          if (state.isAway) throw new Problem('unavailable')
          const account = await store.accounts.findById(id)
          await state.afterRead()
          return account
        },
      },
    }),
  })
  await built.app.listen({ host: 'localhost', port })
  t.teardown(() => {
    built.app.server.closeAllConnections()
  })
  const { user } = await built.signup()
  phone.secureItems?.clear()
  phone.isLocked = false
  return { ...built, api, state, email: user.email }
}

const refreshes = ({ log }: Pick<TestApp, 'log'>) =>
  log().filter(({ msg, route }) => msg === 'request' && route === '/refresh').length

t.test('the client for React Native fits its types', async (t) => {
  const folder = t.testdir({
    'latchkey.ts': source,
    node_modules: {
      'expo-secure-store': {
        'package.json': '{"type":"module","types":"./index.d.ts","exports":"./index.js"}',
        'index.js': fake,
        'index.d.ts': types,
      },
    },
  })
  const compiled = ts.createProgram([join(folder, 'latchkey.ts')], {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: [],
  })
  t.strictSame(
    ts
      .getPreEmitDiagnostics(compiled)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
    [],
  )
})

t.test('login, calls, restarts and logout', async (t) => {
  const server = await serve(t)
  const { api, email, time } = server
  const client = await startApp(t, api)
  t.equal(await client.restore(), null)
  await t.rejects(client.call('/me'), { code: 'logged_out' })
  await t.rejects(client.signIn(email, 'wrong'), { code: 'invalid_credentials', retryAfter: 0 })
  t.equal((await client.signIn(email, goodPassword)).email, email)
  t.equal((await client.call('/me')).status, 200)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'Ada' })
  t.equal((await client.call('/me', { method: 'PATCH', headers, body })).status, 200)

  time.now += 700_000
  const replies = await Promise.all(Array.from({ length: 20 }, () => client.call('/me')))
  t.strictSame([...new Set(replies.map(({ status }) => status))], [200])
  t.equal(refreshes(server), 1, 'twenty calls with an expired token share one refresh')

  const restarted = await startApp(t, api)
  t.equal((await restarted.restore())?.email, email)
  t.equal((await restarted.call('/claims')).status, 200)
  t.equal(refreshes(server), 2)

  await restarted.signOut()
  t.strictSame([...phone.secureItems], [])
  await t.rejects(restarted.call('/me'), { code: 'logged_out' })
})

t.test('only invalid_refresh_token logs out', async (t) => {
  const { api, app, email, state, call, time } = await serve(t)
  const client = await startApp(t, api)
  await client.signIn(email, goodPassword)
  const restart = async (at = api) => {
    const one = await startApp(t, at)
    t.equal((await one.restore())?.email, email)
    return one
  }
  state.isAway = true
  await t.rejects((await restart()).call('/me'), { code: 'unavailable', retryAfter: 2 })
  state.isAway = false

  for (const status of [200, 401, 502]) {
    const hotel = createServer((_request, reply) => {
      reply.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>')
    }).listen(0, 'localhost')
    await new Promise((resolve) => hotel.once('listening', resolve))
    const { port } = hotel.address() as AddressInfo
    const one = await restart(`http://localhost:${port}`)
    await t.rejects(one.call('/me'), { code: 'network' }, `a page with ${status}`)
    hotel.close().closeAllConnections()
  }
  await t.rejects((await restart('http://localhost:9')).call('/me'), { code: 'network' })

  phone.isLocked = true
  await t.rejects((await startApp(t, api)).restore(), /locked/)
  phone.isLocked = false
  const last = await restart()
  t.equal((await last.call('/me')).status, 200)
  const token = await last.accessToken()
  t.equal((await call('POST', '/logout/everywhere', { token })).statusCode, 204)
  time.now += 700_000
  await t.rejects(last.call('/me'), { code: 'invalid_refresh_token' })
  t.strictSame([...phone.secureItems], [], 'the login is over')
  await app.close()
})

t.test('a refresh that is late does not bring a login back', async (t) => {
  const { api, email, state } = await serve(t)
  await (await startApp(t, api)).signIn(email, goodPassword)
  const client = await startApp(t, api)
  await client.restore()
  let goOn = () => {}
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const reached = new Promise<void>((resolve) => {
    state.afterRead = async () => {
      state.afterRead = async () => {}
      resolve()
      await gate
    }
  })
  const pending = t.rejects(client.call('/me'), { code: 'logged_out' })
  await reached
  await client.signOut()
  goOn()
  await pending
  t.strictSame([...phone.secureItems], [])
})
