import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { goodPassword } from '../helper.js'
import { makeClient, recordCalls, run, signUp, storages } from '../support/client-page.js'
import { logIn, startClientTabs, until } from '../support/client-tabs.js'
import { hosts } from '../support/sites.js'

const { pages, api, me, whoIs, openTabs, holdRefreshes } = await startClientTabs(t)
const shared = storages.filter((storage) => storage !== 'memory')

for (const storage of shared)
  t.test(`tabs with the storage ${storage}`, async (t) => {
    const [context, tabs] = await openTabs(storage, 5)
    const [first, second] = tabs as [Page, Page]
    for (const tab of tabs) await run(tab, 'auth.ready')
    const email = await signUp(first, `tabs-${storage}@example.org`)

    await t.test('a login reaches every tab', async (t) => {
      for (const tab of tabs) {
        await until(tab, 'auth.user !== null')
        t.equal(await run(tab, whoIs), email)
        t.strictSame(await run(tab, 'changes'), [[email, undefined]])
      }
    })

    await t.test('five tabs that wake together', async (t) => {
      for (const tab of tabs) await tab.clock.fastForward('20:00')
      const calls = recordCalls(context, api)
      const replies = await Promise.all(tabs.flatMap((tab) => [run(tab, me), run(tab, me)]))
      t.strictSame(
        replies,
        Array.from({ length: 10 }, () => 200),
        'no call failed',
      )
      const refreshes = calls.filter((call) => call === 'POST /refresh').length
      // With the nonce that DPoP asks for, one more.
      t.ok(refreshes >= 1 && refreshes <= 2, `${refreshes} refreshes`)
      for (const tab of tabs) {
        t.match(await run(tab, 'auth.user'), { email }, 'logged in')
        t.strictSame(await run(tab, 'changes'), [[email, undefined]], 'listeners hear nothing')
      }
    })

    await t.test('a new password in one tab logs out none', async (t) => {
      const change = { current_password: goodPassword, new_password: `${goodPassword}s` }
      await run(first, `auth.changePassword(${JSON.stringify(change)})`)
      for (const tab of tabs) {
        await tab.clock.fastForward('20:00')
        t.equal(await run(tab, me), 200)
      }
      await run(
        first,
        `auth.changePassword(${JSON.stringify({ current_password: `${goodPassword}s`, new_password: goodPassword })})`,
      )
    })

    await t.test('a change of the user reaches every tab', async (t) => {
      await run(second, `auth.updateUser({ name: 'Augusta' })`)
      for (const tab of tabs) {
        await until(tab, `auth.user?.name === 'Augusta'`)
        t.equal(await run(tab, me), 200)
      }
    })

    await t.test('a logout reaches every tab', async (t) => {
      await run(second, 'auth.logout()')
      for (const tab of tabs) {
        await until(tab, 'auth.user === null')
        t.equal(await run(tab, me), 401)
      }
    })

    await t.test('another account in one tab is the account of all', async (t) => {
      await run(first, logIn(email))
      const other = await signUp(second, `other-${storage}@example.org`)
      for (const tab of tabs) {
        await until(tab, `auth.user?.email === '${other}'`)
        t.equal(await run(tab, whoIs), other)
      }
    })
    await context.close()
  })

t.test('two accounts in two tabs with the storage memory', async (t) => {
  const [context, [first, second]] = (await openTabs('memory', 2)) as [BrowserContext, [Page, Page]]
  const emails = [
    await signUp(first, 'memory-1@example.org'),
    await signUp(second, 'memory-2@example.org'),
  ]
  for (const tab of [first, second]) await tab.clock.fastForward('20:00')
  t.strictSame([await run(first, whoIs), await run(second, whoIs)], emails)
  await run(first, 'auth.logout()')
  t.equal(await run(second, whoIs), emails[1])
  await context.close()
})

t.test('a request of one account is never sent again as another', async (t) => {
  for (const storage of shared) {
    const [context, [first, second]] = (await openTabs(storage, 2)) as [
      BrowserContext,
      [Page, Page],
    ]
    await signUp(first, `again-1-${storage}@example.org`)
    await until(second, 'auth.user !== null')
    await first.clock.fastForward('01:00')
    // The first request is refused, after the other tab has switched the account.
    let isFirst = true
    const sent: string[] = []
    await first.route(`${api}/claims`, async (route) => {
      sent.push(String(await route.request().headerValue('authorization')))
      if (isFirst) await signUp(second, `again-2-${storage}@example.org`)
      isFirst = false
      await until(first, `auth.user.email.startsWith('again-2')`)
      await route.fulfill({
        status: 401,
        headers: {
          'access-control-allow-origin': pages.sites.originOf(hosts.app),
          'access-control-allow-credentials': 'true',
        },
      })
    })
    t.equal(await run(first, `auth.fetch('${api}/claims').then((reply) => reply.status)`), 401)
    t.equal(sent.length, 1, `${storage}: sent once`)
    await context.close()
  }
})

t.test('a lock that is never released', async (t) => {
  for (const storage of shared) {
    const [context, [first, second]] = (await openTabs(storage, 2)) as [
      BrowserContext,
      [Page, Page],
    ]
    await signUp(first, `lock-${storage}@example.org`)
    await until(second, 'auth.user !== null')
    await run(
      second,
      `void navigator.locks.request('latchkey:${storage}:${api}', () => new Promise(() => {}))`,
    )
    await first.clock.fastForward('20:00')
    const reply = run(first, me)
    const wait = setInterval(() => {
      first.clock.fastForward(500).catch(() => {})
    }, 50)
    t.equal(await reply, 200, storage)
    clearInterval(wait)
    await context.close()
  }
})

t.test('a tab that was frozen for a day', async (t) => {
  for (const storage of shared) {
    const [context, [first, frozen]] = (await openTabs(storage, 2)) as [
      BrowserContext,
      [Page, Page],
    ]
    const email = await signUp(first, `frozen-${storage}@example.org`)
    await until(frozen, 'auth.user !== null')
    // Its timers and its measured time stand still; the clock of the device does not.
    const day = 24 * 60 * 60
    pages.sites.built.time.now += day * 1000
    await run(frozen, `{ const { now } = Date; Date.now = () => now() + ${day * 1000} }`)
    const calls = recordCalls(frozen, api)
    t.equal(await run(frozen, me), 200, storage)
    t.equal(calls[0], 'POST /refresh', 'new tokens come first')
    t.match(await run(frozen, 'auth.user'), { email })
    await context.close()
  }
})

t.test('a page that comes back asks what has happened', async (t) => {
  for (const storage of ['local', 'dpop'] as const) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const other = await pages.open(context, storage)
    await signUp(page, `back-${storage}@example.org`)
    await until(other, 'auth.user !== null')
    // As a page in the back/forward cache, which hears nothing.
    await run(other, `BroadcastChannel.prototype.postMessage = () => {}`)
    await run(other, 'auth.logout()')
    t.not(await run(page, 'auth.user'), null, 'not heard')
    await run(page, `dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
    await until(page, 'auth.user === null')
    t.equal(await run(page, me), 401, storage)
    await context.close()
  }
})

t.test('a logout in a tab that has not heard of the login', async (t) => {
  for (const storage of shared) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const deaf = await pages.sites.open(context, hosts.app)
    await run(deaf, 'delete window.BroadcastChannel')
    await makeClient(deaf, api, storage)
    await run(deaf, 'auth.ready')
    await signUp(page, `deaf-${storage}@example.org`)
    t.equal(await run(deaf, 'auth.user'), null, storage)
    await run(deaf, 'auth.logout()')
    const fresh = await pages.open(context, storage)
    t.equal(await run(fresh, 'auth.ready.then(() => auth.user)'), null, 'nothing is restored')
    await run(page, `dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
    await until(page, 'auth.user === null')
    await context.close()
  }
})

t.test('a refresh that comes after a logout or a login is thrown away', async (t) => {
  const email = 'late@example.org'
  const other = 'late-2@example.org'
  {
    const context = await pages.newContext()
    await signUp(await pages.open(context, 'memory'), other)
    await signUp(await pages.open(context, 'memory'), email)
    await context.close()
  }
  const cases = [
    ['auth.logout()', null],
    [logIn(email), { email }],
    [logIn(other), { email: other }],
  ].flatMap(([action, expected]) =>
    storages.flatMap((storage) =>
      // Where it could not be given up, cookies would be set all the same.
      [true, ...(storage === 'cookie' ? [] : [false])].map((isAborted) => ({
        ...{ action: action as string, expected: expected as object | null },
        ...{ storage, isAborted },
      })),
    ),
  )
  for (const { action, expected, storage, isAborted } of cases) {
    const [context, [page]] = (await openTabs(storage, 1)) as [BrowserContext, [Page]]
    await run(page, logIn(email))
    await page.clock.fastForward('20:00')
    if (!isAborted) await run(page, 'AbortController.prototype.abort = () => {}')
    const { isHere, go } = holdRefreshes()
    await run(page, `window.late = ${me}.catch(({ code }) => code), undefined`)
    await isHere
    await run(page, action)
    go()
    await run(page, 'late')
    t.match(await run(page, 'auth.user'), expected, `${storage}: ${action}`)
    t.equal(await run(page, me), expected === null ? 401 : 200)
    await page.reload()
    await makeClient(page, api, storage)
    await run(page, 'auth.ready')
    const restored = storage === 'memory' ? null : expected
    t.match(await run(page, 'auth.user'), restored, `${storage}: after a reload`)
    await context.close()
  }
})
