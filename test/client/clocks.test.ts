import t from 'tap'
import {
  makeClient,
  recordCalls,
  run,
  signUp,
  startClientPages,
  storages,
} from '../support/client-page.js'
import { hosts } from '../support/sites.js'

const pages = await startClientPages(t, { env: { RATE_LIMITS: 'off' } })
const api = pages.sites.originOf(hosts.id)
const me = `auth.fetch('${api}/me').then((reply) => reply.status)`

/** Sets the clock of the device, and not the time that the page measures. */
const shift = (seconds: number) =>
  `{ const now = Date.now.bind(Date); Date.now = () => now() + ${seconds * 1000} }`

t.test('a clock that is wrong by an hour', async (t) => {
  for (const storage of storages)
    for (const seconds of [3600, -3600]) {
      const context = await pages.newContext()
      await context.clock.install({ time: Date.now() + seconds * 1000 })
      const page = await pages.open(context, storage)
      const email = await signUp(page, `clock-${storage}${seconds}@example.org`)
      const calls = recordCalls(page, api)
      t.equal(await run(page, me), 200)
      await page.clock.fastForward('05:00')
      t.equal(await run(page, me), 200)
      t.notOk(
        calls.includes('POST /refresh'),
        `${storage} ${seconds}: the token is used while it lives`,
      )
      await page.clock.fastForward('05:00')
      t.equal(await run(page, me), 200)
      t.ok(calls.includes('POST /refresh'), `${storage} ${seconds}: and renewed when it is over`)
      if (storage !== 'memory') {
        await page.reload()
        await makeClient(page, api, storage)
        await run(page, 'auth.ready')
        t.match(await run(page, 'auth.user'), { email }, 'after a reload')
        t.equal(await run(page, me), 200)
      }
      await context.close()
    }
})

t.test('a clock that is set while the page is open', async (t) => {
  for (const seconds of [3600, -3600]) {
    const context = await pages.newContext()
    const page = await pages.open(context, 'local')
    const email = await signUp(page, `set-clock${seconds}@example.org`)
    const calls = recordCalls(page, api)
    await run(page, shift(seconds))
    for (let call = 0; call < 5; call += 1) t.equal(await run(page, me), 200)
    t.equal(calls.filter((one) => one === 'POST /refresh').length, 1, 'one refresh, to be sure')
    t.match(await run(page, 'auth.user'), { email })
    await context.close()
  }
})

t.test('a device that has slept, where the measured time stands still', async (t) => {
  for (const storage of storages) {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    await signUp(page, `slept-${storage}@example.org`)
    const hours = 9
    pages.sites.built.time.now += hours * 3600_000
    await run(page, shift(hours * 3600))
    const calls = recordCalls(page, api)
    t.equal(await run(page, me), 200)
    t.equal(calls[0], 'POST /refresh', `${storage}: new tokens come first`)
    t.notOk(calls.includes('GET /me') && calls.indexOf('GET /me') === 0)
    await context.close()
  }
})

t.test('a sleep that nothing shows: the 401 is mended', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  await signUp(page, 'unseen@example.org')
  await page.clock.fastForward('00:30')
  pages.sites.built.time.now += 20 * 60_000
  const calls = recordCalls(page, api)
  t.equal(await run(page, me), 200)
  t.strictSame(calls, ['GET /me', 'POST /refresh', 'GET /me'])
  await context.close()
})

t.test('tokens are renewed ahead of time, and only for a page that uses them', async (t) => {
  const context = await pages.newContext()
  await context.clock.install()
  const page = await pages.open(context, 'local')
  await signUp(page, 'ahead@example.org')
  const calls = recordCalls(page, api)
  await page.clock.fastForward('09:20')
  t.equal(await run(page, me), 200)
  await page.waitForTimeout(300)
  t.strictSame(calls.splice(0).sort(), ['GET /me', 'POST /refresh'])
  t.equal(await run(page, me), 200)
  t.strictSame(calls.splice(0), ['GET /me'], 'no call waited')
  for (let hour = 0; hour < 5; hour += 1) await page.clock.runFor('01:00:00')
  t.strictSame(calls, [], 'a page that rests asks nothing')
  await context.close()
})
