import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  onEachDatabase,
  outcome,
  pointers,
  query,
} from '../../helper.js'
import { cookieOf, from, keep, signupByCookie } from '../../support/cookie-client.js'
import { decode } from '../../support/forge.js'
import { changeAccount, giveRoles } from '../../support/roles.js'

const newPassword = 'copper-kettle-on-the-lower-shelf'

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, databaseUrl } = test

  await t.test('every route with tokens issues them for the account as it is now', async (t) => {
    const email = 'ada@example.org'
    const { access_token: before, refresh_token: refresh, user } = await signup({ email })
    t.match(decode(before).payload, { roles: undefined, ver: undefined })
    t.strictSame(user.roles, [])
    const ways: Record<string, () => ReturnType<typeof call>> = {
      'POST /login': async () =>
        await call('POST', '/login', { body: { email, password: goodPassword } }),
      'POST /refresh': async () =>
        await call('POST', '/refresh', { body: { refresh_token: refresh } }),
      'POST /password/change': async () => {
        const { access_token: token } = (await ways['POST /login']?.())?.json()
        return await call('POST', '/password/change', {
          token,
          body: { current_password: goodPassword, new_password: newPassword },
        })
      },
    }
    for (const [index, [name, issue]] of Object.entries(ways).entries()) {
      const roles = ['editor', `of-${index}`]
      await changeAccount(test, user.id, {
        roles: JSON.stringify(roles),
        claims: JSON.stringify({ plan: { index } }),
      })
      const account = await test.store.accounts.findById(user.id)
      const reply = (await issue()).json()
      const { payload } = decode(reply.access_token)
      t.match(payload, { roles, plan: { index } }, name)
      t.ok(Number(payload.ver) >= Number(account?.accessVersion), 'the version')
      t.strictSame(reply.user.roles, roles, 'the user')
      const claims = await call('GET', '/claims', { token: reply.access_token })
      t.strictSame(claims.json(), payload, 'GET /claims returns every member')
      t.equal(claims.headers['x-latchkey-roles'], roles.join(','))
      const me = (await call('GET', '/me', { token: reply.access_token })).json()
      t.strictSame(me.roles, roles, 'GET /me')
      t.notOk('plan' in me || 'claims' in me)
    }
    t.equal(
      (await call('GET', '/claims', { token: before })).headers['x-latchkey-roles'],
      '',
      'an older token has its own roles until it expires',
    )
    t.strictSame(
      (await call('GET', '/me', { token: before })).json().roles,
      ['editor', 'of-2'],
      'GET /me reads the account',
    )
  })

  await t.test('a refresh by navigation picks up roles, and drops them again', async (t) => {
    const { jar, reply } = await signupByCookie(test, 'grace@example.org')
    const { user } = reply.json<{ user: { id: string } }>()
    for (const roles of [['admin', 'editor'], ['editor'], []]) {
      await giveRoles(test, user.id, roles)
      const renewed = await call('GET', '/refresh?return_to=/', {
        headers: { cookie: cookieOf(jar), 'sec-fetch-mode': 'navigate' },
      })
      t.equal(renewed.statusCode, 303)
      keep(jar, renewed)
      const { headers, body } = await call('GET', '/claims', { headers: { cookie: cookieOf(jar) } })
      t.equal(headers['x-latchkey-roles'], roles.join(','))
      t.strictSame(JSON.parse(body).roles, roles.length > 0 ? roles : undefined)
    }
  })

  await t.test('an account cannot give itself roles or claims', async (t) => {
    const { access_token: token, user } = await signup({ name: 'Ada' })
    const before = await test.stored.row(user.id)
    const own = from('http://localhost:3000')
    for (const member of ['roles', 'claims', 'access_version', 'role', 'ver', '__proto__']) {
      const text = `"${member}":["admin"]`
      for (const [method, path, rest] of [
        ['POST', '/signup', `"email":"eve@example.org","password":"${goodPassword}"`],
        ['PATCH', '/me', '"name":"Eve"'],
      ] as const) {
        const reply = await call(method, path, {
          token,
          body: `{${rest},${text}}`,
          headers: { 'content-type': 'application/json', ...own },
        })
        if (member === '__proto__') t.equal(outcome(reply), '400 invalid_json', path)
        else t.strictSame(pointers(t, reply), [`/${member}`], path)
      }
    }
    t.strictSame(await test.stored.row(user.id), before)
    t.equal(await test.store.accounts.findByEmail('eve@example.org'), null)
  })

  await t.test('a claims column that was edited by hand replaces no claim', async (t) => {
    const { user } = await signup()
    const other = await signup()
    const claims = JSON.stringify({
      sub: other.user.id,
      cnf: { jkt: 'k'.repeat(43) },
      exp: 9e9,
      roles: ['admin'],
      aud: 'x',
      plan: 'gold',
    })
    await query(databaseUrl, `UPDATE users SET claims = '${claims}' WHERE id = '${user.id}'`)
    const reply = await call('POST', '/login', {
      body: { email: user.email, password: goodPassword },
    })
    const { access_token: token } = reply.json<{ access_token: string }>()
    const { sid, jti, ...payload } = decode(token).payload
    t.ok(sid && jti)
    const iat = Math.floor(test.time.now / 1000)
    t.strictSame(payload, {
      iss: 'http://localhost:3000',
      aud: 'http://localhost:3000',
      sub: user.id,
      client_id: 'latchkey',
      iat,
      exp: iat + 600,
      auth_time: iat,
      plan: 'gold',
    })
    t.equal((await call('GET', '/me', { token })).json().id, user.id)
  })
})
