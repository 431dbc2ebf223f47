import type { Page } from 'playwright-core'
import t from 'tap'
import { goodPassword } from '../helper.js'
import {
  failure,
  makeClient,
  recordCalls,
  respond,
  run,
  signUp,
  startClientPages,
  storages,
} from '../support/client-page.js'
import { hosts } from '../support/sites.js'

const pages = await startClientPages(t, { env: { RATE_LIMITS: 'off' } })
const api = pages.sites.originOf(hosts.id)
const me = `auth.fetch('${api}/me').then((reply) => reply.status)`
const nameOf = (storage: string) => `latchkey:${storage}:${api}`

const reloaded = async (page: Page, storage: 'local' | 'cookie' | 'dpop') => {
  await page.reload()
  await makeClient(page, api, storage)
  return await run(page, 'auth.ready.then(() => auth.user && auth.user.email)')
}

const signupOf = (email: string) =>
  `auth.signup(${JSON.stringify({ email, password: goodPassword })})`

t.test('localStorage that is blocked: the login lasts as long as the page', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.sites.open(context, hosts.app)
  await run(
    page,
    `Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })`,
  )
  await makeClient(page, api, 'local')
  const email = await signUp(page, 'blocked@example.org')
  t.match(await run(page, 'auth.user'), { email })
  await page.clock.fastForward('20:00')
  t.equal(await run(page, me), 200, 'renewed')
  await run(page, 'auth.logout()')
  t.equal(await run(page, 'auth.user'), null)
  t.equal(await reloaded(page, 'local'), null)
  await context.close()
})

t.test('localStorage that is full', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  const fill = `{
    localStorage.clear()
    for (let size = 4e6; size >= 1; size = Math.floor(size / 2))
      try { for (;;) localStorage.setItem('fill-' + size + Math.random(), 'x'.repeat(size)) } catch {}
  }`

  await run(page, fill)
  const email = await signUp(page, 'full@example.org')
  t.equal(await run(page, `localStorage.getItem('${nameOf('local')}')`), null, 'it is full')
  await page.clock.fastForward('20:00')
  t.equal(await run(page, me), 200, 'the login lasts as long as the page')
  t.match(await run(page, 'auth.user'), { email })

  await run(page, 'localStorage.clear()')
  await page.clock.fastForward('20:00')
  t.equal(await run(page, me), 200)
  t.equal(await reloaded(page, 'local'), email, 'stored as soon as there is room')

  // Room for what is stored, not for more.
  await run(page, fill.replace('localStorage.clear()', ''))
  await run(
    page,
    `{ const { setItem } = Storage.prototype
    Storage.prototype.setItem = function (name, value) {
      if (value !== 'null') throw new DOMException('full', 'QuotaExceededError')
      setItem.call(this, name, value)
    } }`,
  )
  t.equal(await run(page, me), 200)
  t.equal(await reloaded(page, 'local'), email, 'the previous tokens of the login still work')
  t.equal(await run(page, me), 200)

  await run(
    page,
    `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }`,
  )
  const other = await signUp(page, 'full-2@example.org')
  t.match(await run(page, 'auth.user'), { email: other })
  t.equal(await reloaded(page, 'local'), null, 'never the login of the earlier account')
  await context.close()
})

t.test('a storage that is cleared under the page', async (t) => {
  for (const storage of ['local', 'dpop'] as const) {
    const context = await pages.newContext()
    await context.clock.install()
    const page = await pages.open(context, storage)
    const email = await signUp(page, `cleared-${storage}@example.org`)
    await run(
      page,
      storage === 'local'
        ? 'localStorage.clear()'
        : `new Promise((resolve) => { indexedDB.deleteDatabase('latchkey').onsuccess = resolve }).then(() => {})`,
    )
    t.equal(await run(page, me), 200)
    await page.clock.fastForward('20:00')
    t.equal(await run(page, me), 200, `${storage}: renewed`)
    t.strictSame(await run(page, 'changes'), [[email, undefined]])
    t.equal(await reloaded(page, storage), email, `${storage}: stored again`)
    await context.close()
  }
})

t.test('what is stored and is no login', async (t) => {
  const context = await pages.newContext()
  for (const text of [
    '',
    'null',
    '{',
    '[]',
    '7',
    '{"user":{}}',
    '{"refresh":7}',
    '{"refresh":"a"}',
  ]) {
    const page = await pages.sites.open(context, hosts.app)
    await run(page, `localStorage.setItem('${nameOf('local')}', ${JSON.stringify(text)})`)
    await makeClient(page, api, 'local')
    t.equal(await run(page, 'auth.ready.then(() => auth.user)'), null, text)
    await page.close()
  }
  await context.close()
})

t.test('dpop without a place for its key: no password is sent', async (t) => {
  const breaks: Array<[string, string, string]> = [
    [
      'a page that is not secure',
      `Object.defineProperty(window, 'isSecureContext', { value: false })`,
      'insecure_context',
    ],
    [
      'no IndexedDB',
      `Object.defineProperty(window, 'indexedDB', { value: undefined })`,
      'storage_unavailable',
    ],
    [
      'IndexedDB that is blocked',
      `IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError') }`,
      'storage_unavailable',
    ],
    [
      'IndexedDB that fails',
      `IDBFactory.prototype.open = () => { const request = {}; setTimeout(() => request.onerror(), 10); return request }`,
      'storage_unavailable',
    ],
    [
      'IndexedDB that never responds',
      'IDBFactory.prototype.open = () => ({})',
      'storage_unavailable',
    ],
    [
      'IndexedDB that is full',
      `IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') }`,
      'storage_unavailable',
    ],
    [
      'IndexedDB that loses keys',
      `{ const { put } = IDBObjectStore.prototype
        IDBObjectStore.prototype.put = function (value, name) { return put.call(this, {}, name) } }`,
      'storage_unavailable',
    ],
  ]
  for (const [name, script, code] of breaks) {
    const context = await pages.newContext()
    const page = await pages.sites.open(context, hosts.app)
    await run(page, script)
    await makeClient(page, api, 'dpop')
    const calls = recordCalls(page, api)
    await run(page, 'auth.ready')
    t.equal(await failure(page, signupOf('nowhere@example.org')), code, name)
    t.strictSame(calls, [], `${name}: nothing was sent`)
    t.equal(await run(page, 'auth.user'), null)
    await context.close()
  }
})

t.test('dpop that fails when the login is there', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await run(
    page,
    `{ const { put } = IDBObjectStore.prototype
    IDBObjectStore.prototype.put = function (value, name) {
      if (value && value.user) throw new DOMException('full', 'QuotaExceededError')
      return put.call(this, value, name)
    } }`,
  )
  const calls = recordCalls(page, api)
  t.equal(await failure(page, signupOf('late-full@example.org')), 'storage_unavailable')
  t.equal(await run(page, 'auth.user'), null)
  t.equal(calls.at(-1), 'POST /logout', 'the server forgets the login')
  await context.close()
})

t.test('a dpop login whose key is gone', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await signUp(page, 'key-gone@example.org')
  await run(
    page,
    `new Promise((resolve) => {
      indexedDB.open('latchkey').onsuccess = ({ target: { result } }) => {
        const store = result.transaction('logins', 'readwrite').objectStore('logins')
        store.get('${nameOf('dpop')}').onsuccess = ({ target }) => {
          store.put({ ...target.result, key: undefined }, '${nameOf('dpop')}').onsuccess = () => {
            result.close()
            resolve()
          }
        }
      }
    })`,
  )
  await page.reload()
  await makeClient(page, api, 'dpop')
  t.equal(
    await run(
      page,
      `new Promise((resolve) => auth.onchange((user, reason) => resolve(user === null && reason.code), { immediate: true }))`,
    ),
    'storage_unavailable',
    'logged out, with the reason',
  )
  t.match(await run(page, signupOf('key-new@example.org')), { email: 'key-new@example.org' })
  t.equal(await run(page, me), 200, 'and the next login works')
  await context.close()
})

t.test('a logout without the server', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const email = await signUp(page, `offline-${storage}@example.org`)
    await respond(page, `${api}/logout`, 'away')
    const expected = storage === 'cookie' ? 'network' : 'no error'
    t.equal(await failure(page, 'auth.logout()'), expected, storage)
    t.equal(await run(page, 'auth.user'), null)
    t.equal(await run(page, me), 401, `${storage}: no credentials are sent`)
    if (storage === 'memory') continue
    t.equal(await reloaded(page, storage), null, `${storage}: not back after a reload`)
    await page.unroute(`${api}/logout`)
    t.equal(await reloaded(page, storage), null)
    if (storage === 'cookie') {
      const names = (await context.cookies()).map(({ name }) => name)
      t.notOk(
        names.some((name) => /latchkey($|-refresh)/.test(name)),
        'the cookies are gone',
      )
    }
    const login = `auth.login(${JSON.stringify({ email, password: goodPassword })})`
    t.match(await run(page, login), { email })
    t.equal(await reloaded(page, storage), email, `${storage}: the next login is kept`)
    await context.close()
  }
})

t.test('a logout without the server, which IndexedDB cannot store', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await signUp(page, 'unstored@example.org')
  await respond(page, `${api}/logout`, 'away')
  await run(page, `IDBObjectStore.prototype.put = () => { throw new DOMException('full') }`)
  t.equal(await failure(page, 'auth.logout()'), 'no error')
  await page.reload()
  await makeClient(page, api, 'dpop')
  t.equal(await run(page, 'auth.ready.then(() => auth.user)'), null, 'after a reload')
  await context.close()
})

t.test('a logout that is faster than a login', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const email = await signUp(page, `fast-${storage}@example.org`)
    await run(page, 'auth.logout()')
    const login = `auth.login(${JSON.stringify({ email, password: goodPassword })})`
    const both = `(async () => {
      const { fetch } = window
      let sent
      const isSent = new Promise((resolve) => { sent = resolve })
      window.fetch = (request) => { if (request.url.endsWith('/login')) sent(); return fetch(request) }
      const result = failed(${login})
      await isSent
      await auth.logout().catch(() => {})
      window.fetch = fetch
      return await result
    })()`
    t.equal(await run(page, both), 'logged_out', storage)
    t.equal(await run(page, 'auth.user'), null)
    if (storage !== 'memory') t.equal(await reloaded(page, storage), null, storage)
    await context.close()
  }
})
