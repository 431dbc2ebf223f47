import t from 'tap'
import { goodPassword } from '../helper.js'
import { makeClient, recordCalls, startClientPages, storages } from '../support/client-page.js'
import { hosts } from '../support/sites.js'

const pages = await startClientPages(t, { env: { RATE_LIMITS: 'off' } })
const api = pages.sites.originOf(hosts.id)

for (const storage of storages)
  t.test(`a login with the storage ${storage}`, async (t) => {
    const context = await pages.newContext()
    const page = await pages.open(context, storage)
    const calls = recordCalls(page, api)
    const email = `${storage}@example.org`
    const person = JSON.stringify({ email, password: goodPassword, name: 'Ada' })

    t.equal(await page.evaluate('auth.ready.then(() => auth.user)'), null)
    t.match(await page.evaluate(`auth.signup(${person})`), { email, name: 'Ada' })
    t.match(await page.evaluate('auth.user'), { email })
    t.equal(await page.evaluate(`auth.fetch('${api}/me').then((reply) => reply.status)`), 200)
    const sent = `{ method: 'PATCH', body: '{"name":"Augusta"}', headers: { 'content-type': 'application/json' } }`
    t.equal(await page.evaluate(`auth.fetch('${api}/me', ${sent}).then((r) => r.status)`), 200)
    t.match(await page.evaluate('auth.reloadUser()'), { name: 'Augusta' })
    t.match(await page.evaluate('auth.updateUser({ name: null })'), { name: null })
    t.match(await page.evaluate('auth.user'), { name: null })

    await page.reload()
    calls.splice(0)
    await makeClient(page, api, storage)
    await page.evaluate('auth.ready')
    const expected = storage === 'memory' ? null : { email, name: null }
    t.match(await page.evaluate('auth.user'), expected, 'after a reload')
    t.strictSame(calls, storage === 'cookie' ? ['POST /refresh'] : [])
    if (storage === 'memory')
      await page.evaluate(`auth.login(${JSON.stringify({ email, password: goodPassword })})`)
    t.equal(await page.evaluate(`auth.fetch('${api}/me').then((reply) => reply.status)`), 200)

    const change = JSON.stringify({
      current_password: goodPassword,
      new_password: `${goodPassword}s`,
    })
    t.match(await page.evaluate(`auth.changePassword(${change})`), { email })
    t.equal(await page.evaluate(`auth.fetch('${api}/me').then((reply) => reply.status)`), 200)

    await page.evaluate('auth.logout()')
    t.equal(await page.evaluate('auth.user'), null)
    t.equal(await page.evaluate(`auth.fetch('${api}/me').then((reply) => reply.status)`), 401)
    await page.reload()
    await makeClient(page, api, storage)
    t.equal(await page.evaluate('auth.ready.then(() => auth.user)'), null, 'after a reload')
    await context.close()
  })
