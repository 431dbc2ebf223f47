import t, { type Test } from 'tap'
import { mock } from 'node:test'
import { buildTestApp, frozenNow, goodPassword } from './helper.js'
import { tokenOf } from './mailbox.js'
mock.timers.enable({ apis: ['Date'], now: frozenNow })
const say = (what: string, ...rest: unknown[]) => { console.error('MEASURE', what, ...rest) }
const env = { LOG_LEVEL: 'warn', TRUST_PROXY: '127.0.0.1' }
t.test('m', async (t) => {
  {
    const { call } = await buildTestApp(t as Test, { env })
    let port = 40_000
    const send = async (url: string, body: object) => (await call('POST', url, { body, headers: { 'x-forwarded-for': `203.0.113.5:${port++}` } })).statusCode
    let compared = 0; let mails = 0
    for (let i = 0; i < 15; i++) if (await send('/login', { email: 'ada@example.org', password: 'wrong' }) === 401) compared++
    for (let i = 0; i < 45; i++) if (await send('/password/forgot', { email: `${i}@example.org` }) === 202) mails++
    say('port', compared, 'of 15 logins compared;', mails, 'of 45 mails')
    const two = async (from: string) => (await call('POST', '/login', { body: { email: 'eve@example.org', password: 'wrong' }, headers: { 'x-forwarded-for': from } })).statusCode
    let m = 0
    for (let i = 0; i < 30; i++) if (await two(`::ffff:cb00:${i.toString(16)}`) === 401) m++
    say('mapped hex: 30 clients, one wrong login each of one address:', m, 'compared')
  }
  {
    const { app, signup } = await buildTestApp(t as Test, { env })
    const { user } = await signup()
    let compared = 0; let logins = 0
    for (let i = 0; i < 300; i++) {
      if ((await app.inject({ method: 'POST', url: '/login', payload: { email: user.email, password: 'x' }, remoteAddress: `2001:db8:${i.toString(16)}::1` })).statusCode === 401) compared++
      if (i % 25 === 24 && (await app.inject({ method: 'POST', url: '/login', payload: { email: user.email, password: goodPassword }, remoteAddress: '198.51.100.1' })).statusCode === 200) logins++
    }
    say('owner every 25:', compared, 'of 300 compared; owner in', logins, 'of 12')
  }
  {
    const { app, signup, nextMail, mails } = await buildTestApp(t as Test, { env })
    let sent = 0
    for (let i = 0; i < 100; i++) if ((await app.inject({ method: 'POST', url: '/signup', payload: { email: `victim+${i}@example.org`, password: goodPassword }, remoteAddress: '192.0.2.1' })).statusCode === 201) sent++
    for (let i = 0; i < 30; i++) if ((await app.inject({ method: 'POST', url: '/password/forgot', payload: { email: `victim+${i}@example.org` }, remoteAddress: '192.0.2.1' })).statusCode === 202) sent++
    await new Promise((resolve) => { setTimeout(resolve, 300) })
    say('mailbox: of 130 calls from one network', sent, 'accepted,', mails.filter(({ to }) => to.startsWith('victim')).length, 'mails to the mailbox')
    const { user } = await signup()
    await app.inject({ method: 'POST', url: '/password/forgot', payload: { email: user.email }, remoteAddress: '198.51.100.1' })
    const token = tokenOf(await nextMail(user.email, 'Reset'))
    const all = await Promise.all(Array.from({ length: 1000 }, async (_, i) => (await app.inject({ method: 'POST', url: '/password/reset', payload: { token, new_password: 'weak' }, remoteAddress: `2001:db8:${i.toString(16)}::1` })).statusCode))
    say('reset: of 1000 weak passwords judged', all.filter((s) => s === 422).length)
    const one = await Promise.all(Array.from({ length: 1000 }, async () => (await app.inject({ method: 'POST', url: '/email/verify', payload: { token: 'x.y.z' }, remoteAddress: '192.0.2.9' })).statusCode))
    say('verify: of 1000 of one network looked at', one.filter((s) => s === 400).length)
  }
  for (const [name, method, url, body] of [['PATCH /me', 'PATCH', '/me', { name: 'A' }], ['logout everywhere', 'POST', '/logout/everywhere', undefined], ['refresh', 'POST', '/refresh', 'r'], ['DELETE /me', 'DELETE', '/me', { password: 'wrong' }], ['ready', 'GET', '/health/ready', undefined]] as const) {
    let asked = 0
    const { call, signup } = await buildTestApp(t as Test, { env, wrapStore: (store) => ({ ...store, ping: async () => { asked++; await store.ping() }, accounts: Object.fromEntries(Object.entries(store.accounts).map(([k, f]) => [k, async (...a: never[]) => { asked++; return await (f as (...a: never[]) => unknown)(...a) }])) as never }) })
    const { access_token: token, refresh_token: r } = await signup()
    asked = 0
    const replies = await Promise.all(Array.from({ length: 1000 }, async () => (await call(method, url, { token, ...(body && { body: body === 'r' ? { refresh_token: r } : body }) })).statusCode))
    say(name, 'of 1000 calls at once the database was asked', asked, 'times;', JSON.stringify(replies.reduce<Record<number, number>>((a, s) => ({ ...a, [s]: (a[s] ?? 0) + 1 }), {})))
  }
  {
    const { app, signup } = await buildTestApp(t as Test, { env })
    const { user } = await signup()
    const cookie = async () => String((await app.inject({ method: 'POST', url: '/login', payload: { email: user.email, password: goodPassword }, remoteAddress: '198.51.100.1' })).headers['set-cookie']).split(';')[0] ?? ''
    const own = await cookie()
    for (let i = 0; i < 60; i++) await app.inject({ method: 'POST', url: '/login', payload: { email: user.email, password: 'x' }, remoteAddress: `2001:db8:${i.toString(16)}::1` })
    const bad = `${own.slice(0, -3)}AAA`
    say('bad cookie first: owner gets', (await app.inject({ method: 'POST', url: '/login', payload: { email: user.email, password: goodPassword }, remoteAddress: '198.51.100.1', headers: { cookie: `${bad}; ${own}` } })).statusCode)
    const hostile = Array.from({ length: 8 }, (_, i) => `${own.slice(0, -4)}AA${String.fromCharCode(65 + i)}A`).join('; ')
    for (const [what, headers] of [['none', {}], ['one', { cookie: hostile.split('; ')[0] }], ['eight', { cookie: hostile }], ['sixteen KiB', { cookie: Array.from({ length: 28 }, (_, i) => `${own.slice(0, -4)}AB${String.fromCharCode(65 + i)}A`).join('; ') }], ['none', {}], ['eight', { cookie: hostile }]] as const) {
      const cpu = process.cpuUsage()
      for (let i = 0; i < 500; i++) await app.inject({ method: 'POST', url: '/login', payload: { email: user.email, password: goodPassword }, remoteAddress: `2001:db8:${i.toString(16)}::1`, headers: headers as never })
      const { user: u, system } = process.cpuUsage(cpu)
      say('refused login, bad cookies', what, ((u + system) / 500 / 1000).toFixed(2), 'ms CPU')
    }
  }
})
