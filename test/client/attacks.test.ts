import t from 'tap'
import { goodPassword } from '../helper.js'
import { bundleClient, makeClient, run, signUp, startClientPages } from '../support/client-page.js'
import { athOf, createProver } from '../support/prover.js'
import { hosts } from '../support/sites.js'

const pages = await startClientPages(t, { env: { RATE_LIMITS: 'off' } })
const api = pages.sites.originOf(hosts.id)
const me = `auth.fetch('${api}/me').then((reply) => reply.status)`

/** What an injected script finds in the storages of a page, as text. */
const loot = `(async () => {
  const found = [document.cookie, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve) => {
      indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result)
    })
    for (const store of database.objectStoreNames) {
      const records = await new Promise((resolve) => {
        database.transaction(store).objectStore(store).getAll().onsuccess = ({ target }) => resolve(target.result)
      })
      for (const record of records) {
        found.push(JSON.stringify(record))
        for (const key of Object.values(record?.key ?? {}))
          found.push(await crypto.subtle.exportKey('jwk', key).then(JSON.stringify, String))
      }
    }
  }
  return found.join('\\n')
})()`

t.test('what an injected script can copy', async (t) => {
  const context = await pages.newContext()
  for (const [storage, hasToken] of [
    ['memory', false],
    ['cookie', false],
    ['dpop', true],
    ['local', true],
  ] as const) {
    const page = await pages.open(context, storage)
    await signUp(page, `loot-${storage}@example.org`)
    const text = await run<string>(page, loot)
    t.equal(/eyJ[\w-]+\.eyJ/.test(text), hasToken, storage)
    t.notMatch(text, /"d":/, 'no private key')
  }
  await context.close()
})

t.test('tokens that were copied out of a dpop page are refused elsewhere', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'dpop')
  await signUp(page, 'copied@example.org')
  const text = await run<string>(page, loot)
  const { access, refresh } = JSON.parse(
    text.split('\n').find((line) => line.includes('"access"')) ?? '{}',
  ) as { access: string; refresh: string }
  const { call } = pages.sites.built
  const bearer = await call('GET', '/me', { token: access })
  t.equal(bearer.statusCode, 401, 'as a bearer token')
  const bare = await call('POST', '/refresh', { body: { refresh_token: refresh } })
  t.not(bare.statusCode, 200, 'a refresh without a proof')
  const nonce = String(
    (await call('GET', '/me', { headers: { authorization: `DPoP ${access}` } })).headers[
      'dpop-nonce'
    ],
  )
  const thief = createProver()
  const proofs = {
    me: thief.make({ htm: 'GET', htu: `${api}/me`, ath: athOf(access), nonce }),
    refresh: thief.make({ htm: 'POST', htu: `${api}/refresh`, nonce }),
  }
  const bound = await call('GET', '/me', {
    headers: { authorization: `DPoP ${access}`, dpop: proofs.me },
  })
  t.equal(bound.statusCode, 401, 'with a proof by another key')
  const renewed = await call('POST', '/refresh', {
    body: { refresh_token: refresh },
    headers: { dpop: proofs.refresh },
  })
  t.match(
    [renewed.statusCode, renewed.json()],
    [400, { code: 'invalid_dpop_proof' }],
    'a refresh too',
  )
  t.equal(await run(page, me), 200, 'the page itself goes on')
  await context.close()
})

t.test('a page of another site can use no login', async (t) => {
  const context = await pages.newContext()
  const page = await pages.open(context, 'cookie')
  const email = await signUp(page, 'victim@example.org')
  for (const host of [hosts.foreign, hosts.sibling]) {
    const evil = await pages.sites.open(context, host)
    await evil.evaluate(await bundleClient())
    await makeClient(evil, api, 'cookie')
    t.equal(await run(evil, 'auth.ready.then(() => auth.user)'), null, `${host}: no refresh`)
    for (const promise of [
      me,
      'auth.logout()',
      'auth.logoutEverywhere()',
      `auth.login(${JSON.stringify({ email, password: goodPassword })})`,
    ])
      t.equal(await run(evil, `failed(${promise})`), 'network', `${host}: ${promise}`)
    await evil.close()
  }
  t.equal(await run(page, me), 200, 'still logged in')
  await page.reload()
  await makeClient(page, api, 'cookie')
  t.match(await run(page, 'auth.ready.then(() => auth.user)'), { email })
  await context.close()
})

t.test('without the protection, the page of a sibling can use the login', async (t) => {
  const open = await startClientPages(t, {
    env: { RATE_LIMITS: 'off' },
    wrapServices: (services) => ({
      ...services,
      sites: { passes: () => true, require: () => {}, requireStorable: () => {} },
    }),
    beforeReady: (app) => {
      app.addHook('onSend', async ({ headers: { origin } }, reply) => {
        if (origin === undefined) return
        reply.header('access-control-allow-origin', origin)
        reply.header('access-control-allow-credentials', 'true')
        reply.header('access-control-allow-headers', 'content-type, authorization')
      })
    },
  })
  const url = open.sites.originOf(hosts.id)
  const context = await open.newContext()
  const page = await open.open(context, 'cookie')
  const email = await signUp(page, 'victim@example.org')
  const evil = await open.sites.open(context, hosts.sibling)
  await makeClient(evil, url, 'cookie')
  t.match(await run(evil, 'auth.ready.then(() => auth.user)'), { email }, 'it is the victim')
  await context.close()
})
