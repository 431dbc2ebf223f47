import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { goodPassword } from '../helper.js'
import {
  failure,
  makeClient,
  recordCalls,
  respond,
  run,
  signUp,
  type Storage,
} from '../support/client-page.js'
import { logIn, startClientTabs, until } from '../support/client-tabs.js'
import { hosts } from '../support/sites.js'

const { pages, api, me, whoIs, openTabs, holdRefreshes } = await startClientTabs(t)
const shared = ['local', 'cookie', 'dpop'] as const
const nameOf = (storage: Storage) => `latchkey:${storage}:${api}`

/** Opens a page on the origin of the API. Pages of the app do not hear what it tells. */
async function openAtApi(context: BrowserContext): Promise<Page> {
  await context.route(`${api}/page`, async (route) => {
    await route.fulfill({ contentType: 'text/html', body: '<!doctype html>' })
  })
  const page = await context.newPage()
  await page.goto(`${api}/page`)
  await makeClient(page, api, 'cookie')
  return page
}

t.test('rubbish in the channel of the tabs', async (t) => {
  for (const storage of shared) {
    const [context, [page]] = (await openTabs(storage, 1)) as [BrowserContext, [Page]]
    const errors: string[] = []
    page.on('pageerror', ({ message }) => errors.push(message))
    const email = await signUp(page, `rubbish-${storage}@example.org`)
    const other = await pages.sites.open(context, hosts.app)
    await run(
      other,
      `{ const channel = new BroadcastChannel('${nameOf(storage)}')
      for (const news of [null, undefined, 7, '', 'x'.repeat(1e6), [], {}, { user: undefined },
        { user: 7, seconds: 'x', sentAt: {} }, { user: {}, sentAt: Date.now() }, new Map()])
        channel.postMessage(news) }`,
    )
    await page.waitForTimeout(300)
    t.strictSame(errors, [], `${storage}: no error is left alone`)
    t.match(await run(page, 'auth.user'), { email }, `${storage}: still logged in`)
    t.equal(await run(page, me), 200)
    t.strictSame(await run(page, 'changes'), [[email, undefined]])
    await context.close()
  }
})

t.test('a logout while another tab asks who is logged in', async (t) => {
  const [context, [first, second]] = (await openTabs('cookie', 2)) as [BrowserContext, [Page, Page]]
  await signUp(first, 'while-starting@example.org')
  await second.reload()
  const { isHere, go } = holdRefreshes()
  await makeClient(second, api, 'cookie')
  await isHere
  await run(first, 'auth.logout()')
  await first.waitForTimeout(100)
  go()
  await first.waitForTimeout(500)
  t.equal(await run(first, 'auth.user'), null, 'the login does not come back')
  t.equal(await run(second, 'auth.user'), null, 'here neither')
  t.equal(await run(second, me), 401)
  await context.close()
})

t.test('a logout before it is known who is logged in', async (t) => {
  const [context, [first, second]] = (await openTabs('cookie', 2)) as [BrowserContext, [Page, Page]]
  await signUp(first, 'before-known@example.org')
  await run(
    second,
    `void navigator.locks.request('${nameOf('cookie')}', () => new Promise(() => {}))`,
  )
  await first.reload()
  const calls = recordCalls(first, api)
  await first.route(`${api}/logout`, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 700))
    await route.continue()
  })
  await makeClient(first, api, 'cookie')
  await run(first, 'auth.logout()')
  await first.waitForTimeout(1000)
  t.equal(await run(first, 'auth.user'), null)
  t.strictSame(calls, ['POST /logout'])
  t.strictSame(await run(first, 'changes'), [])
  await context.close()
})

t.test('new tokens count, also if the user has changed meanwhile', async (t) => {
  for (const storage of shared) {
    const [context, [page]] = (await openTabs(storage, 1)) as [BrowserContext, [Page]]
    await signUp(page, `meanwhile-${storage}@example.org`)
    await run(page, `auth.token().then((token) => { window.first = token })`)
    await page.clock.fastForward('09:20')
    const { isHere, go } = holdRefreshes()
    await run(page, 'auth.token().then(() => {})')
    await isHere
    pages.sites.built.time.now += 1000
    await run(page, `auth.updateUser({ name: 'Ada' })`)
    await run(page, `dispatchEvent(new Event('visibilitychange'))`)
    await page.waitForTimeout(200)
    go()
    await page.waitForTimeout(300)
    const calls = recordCalls(page, api)
    t.equal(await run(page, 'auth.user.name'), 'Ada', `${storage}: not the earlier name again`)
    if (storage !== 'cookie')
      t.equal(await run(page, 'auth.token().then((t) => t !== first)'), true)
    t.equal(await run(page, me), 200)
    t.strictSame(calls, ['GET /me'], `${storage}: the new tokens are there`)
    await context.close()
  }
})

t.test('a call of one account is never sent as another that logs in meanwhile', async (t) => {
  for (const storage of shared) {
    const [context, [first, second]] = (await openTabs(storage, 2)) as [
      BrowserContext,
      [Page, Page],
    ]
    await signUp(first, `switch-1-${storage}@example.org`)
    await until(second, 'auth.user !== null')
    await first.clock.fastForward('20:00')
    const { isHere, go } = holdRefreshes()
    await run(first, `window.late = failed(${me}), undefined`)
    await isHere
    const calls = recordCalls(first, api)
    const other = await signUp(second, `switch-2-${storage}@example.org`)
    await until(first, `auth.user.email === '${other}'`)
    go()
    t.equal(await run(first, 'late'), 'logged_out', storage)
    t.notOk(calls.includes('GET /me'), 'nothing was sent')
    t.equal(await run(first, whoIs), other, 'the next call is of the other account')
    await context.close()
  }
})

t.test('cookies of another account, from a page that tells nothing', async (t) => {
  const [context, [page]] = (await openTabs('cookie', 1)) as [BrowserContext, [Page]]
  const email = await signUp(page, 'cookies-1@example.org')
  const elsewhere = await openAtApi(context)
  const other = await signUp(elsewhere, 'cookies-2@example.org')
  await page.clock.fastForward('20:00')
  const calls = recordCalls(page, api)
  t.equal(await failure(page, me), 'logged_out')
  t.strictSame(calls, ['POST /refresh'], 'the call was not sent')
  t.match(await run(page, 'auth.user'), { email: other })
  t.equal(await run(page, whoIs), other)
  t.strictSame(
    (await run<string[][]>(page, 'changes')).map(([one]) => one),
    [email, other],
  )
  await context.close()
})

t.test('cookies of the earlier account do not come after a login', async (t) => {
  const [context, [page]] = (await openTabs('cookie', 1)) as [BrowserContext, [Page]]
  const other = await signUp(page, 'after-2@example.org')
  await run(page, 'auth.logout()')
  await signUp(page, 'after-1@example.org')
  await page.clock.fastForward('20:00')
  let release = () => {}
  const isSent = new Promise<void>((resolve) => {
    void page.route(`${api}/login`, async (route) => {
      resolve()
      await new Promise<void>((resolve) => {
        release = resolve
      })
      await route.continue()
    })
  })
  await run(page, `window.entry = ${logIn(other)}.then(() => {}), undefined`)
  await isSent
  const { isHere, go } = holdRefreshes()
  await run(page, `window.late = ${me}.catch(({ code }) => code), undefined`)
  await isHere
  release()
  await run(page, 'entry')
  go()
  await run(page, 'late')
  await page.waitForTimeout(300)
  t.equal(await run(page, whoIs), other)
  await context.close()
})

t.test('a visitor who has no login hears no reason', async (t) => {
  for (const storage of shared) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const heard = `new Promise((resolve) =>
      auth.onchange((user, reason) => resolve([user, reason && reason.code]), { immediate: true }))`
    t.strictSame(await run(page, heard), [null, undefined], storage)
    await context.close()
  }
})

t.test('another tab that tries its key at the same time, with dpop', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await run(page, 'auth.ready')
  await run(
    page,
    `{ const { open } = IDBFactory.prototype
    IDBFactory.prototype.open = function (...args) {
      // What the other tab does between two transactions of this one.
      open.apply(this, args).onsuccess = ({ target: { result } }) => {
        result.transaction('logins', 'readwrite').objectStore('logins').delete('${nameOf('dpop')}:trial')
        result.close()
      }
      return open.apply(this, args)
    } }`,
  )
  const person = JSON.stringify({ email: 'trial@example.org', password: goodPassword })
  t.equal(await failure(page, `auth.signup(${person})`), 'no error')
  await context.close()
})

t.test('logins that are made at the same time with dpop', async (t) => {
  const [context, tabs] = await openTabs('dpop', 3)
  const email = await signUp(tabs[0] as Page, 'same-time@example.org')
  const codes = await Promise.all(
    tabs.map(
      async (tab) =>
        await run(tab, `Promise.all(Array.from({ length: 5 }, () => failed(${logIn(email)})))`),
    ),
  )
  t.strictSame([...new Set(codes.flat())], ['no error'])
  for (const tab of tabs) t.equal(await run(tab, whoIs), email, 'key and tokens belong together')
  await context.close()
})

t.test('a page out of the back/forward cache asks, with cookies too', async (t) => {
  const [context, [page]] = (await openTabs('cookie', 1)) as [BrowserContext, [Page]]
  const back = `dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`
  const email = await signUp(page, 'frozen@example.org')
  const other = await pages.open(context, 'cookie')
  await run(other, 'auth.ready')
  await run(other, `BroadcastChannel.prototype.postMessage = () => {}`)
  await run(other, 'auth.logout()')
  await run(page, back)
  await until(page, 'auth.user === null')

  await run(other, logIn(email))
  await run(page, logIn(email))
  await respond(other, `${api}/logout`, 'away')
  t.equal(await failure(other, 'auth.logout()'), 'network')
  await run(page, back)
  await until(page, 'auth.user === null')
  await context.close()
})

t.test('a logout just before the page is left', async (t) => {
  for (const storage of shared) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const email = await signUp(page, `left-${storage}@example.org`)
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([
        page.waitForNavigation(),
        run(page, 'auth.logout().catch(() => {}), location.reload()').catch(() => {}),
      ])
      await makeClient(page, api, storage)
      t.equal(await run(page, 'auth.ready.then(() => auth.user)'), null, storage)
      await run(page, logIn(email))
    }
    // Nothing is known yet.
    await page.reload()
    await makeClient(page, api, storage)
    if (storage === 'cookie') await page.route(`${api}/refresh`, () => {})
    await Promise.all([
      page.waitForNavigation(),
      run(page, 'auth.logout().catch(() => {}), location.reload()').catch(() => {}),
    ])
    await page.unroute(`${api}/refresh`)
    await makeClient(page, api, storage)
    t.equal(await run(page, 'auth.ready.then(() => auth.user)'), null, `${storage}: at the start`)
    await context.close()
  }
})

t.test('after a logout without the server, the cookies are not sent', async (t) => {
  const context = await pages.newContext()
  const page = await openAtApi(context)
  await signUp(page, 'not-sent@example.org')
  await respond(page, `${api}/logout`, 'away')
  t.equal(await failure(page, 'auth.logout()'), 'network')
  t.equal(await run(page, me), 401, 'on the origin of the API')
  t.not(await failure(page, 'auth.reloadUser()'), 'no error', 'by the client itself')
  await context.close()
})
