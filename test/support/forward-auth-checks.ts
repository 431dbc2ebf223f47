import type { Test } from 'tap'
import type { BehindProxy, Received } from './forward-auth.js'
import { tableIs } from './table.js'

const navigation = ['sec-fetch-mode', 'navigate', 'accept', 'text/html,*/*;q=0.8']

/** Headers that pretend to be those of the proxy. */
const forged: Array<[name: string, headers: string[]]> = [
  ['the subject', ['X-Latchkey-Subject', 'mallory']],
  ['the subject in lower case', ['x-latchkey-subject', 'mallory']],
  ['the subject with underscores', ['X_Latchkey_Subject', 'mallory']],
  ['the subject with one underscore', ['X-Latchkey_Subject', 'mallory']],
  ['the subject twice', ['X-Latchkey-Subject', 'mallory', 'x-latchkey-subject', 'mallory']],
  ['the roles', ['X-Latchkey-Roles', 'admin']],
  ['the roles with underscores', ['x_latchkey_roles', 'admin']],
  ['subject and roles', ['X-Latchkey-Subject', 'mallory', 'X-Latchkey-Roles', 'admin']],
  ['the subject as hop-by-hop', ['Connection', 'close, X-Latchkey-Subject']],
  ['the scope', ['X-Latchkey-Scope', 'users:write']],
  ['the scope with underscores', ['X_Latchkey_Scope', 'users:write']],
]

/** Checks what every proxy of docs/behind-a-proxy.md does, but for the pages of a browser. */
export async function checkForwardAuth(t: Test, behind: BehindProxy): Promise<void> {
  const { send, login, takeReceived, time, app } = behind
  const status = async (path: string, headers: string[] = []) =>
    (await send({ path, headers })).status

  await t.test('an open page needs no login', async (t) => {
    t.equal((await send({ path: '/about' })).body, 'the app')
    t.equal(takeReceived().length, 1)
  })

  await t.test('a navigation without login is redirected, with its whole address', async (t) => {
    await tableIs(
      t,
      [
        ['a path', '/notes', '/notes'],
        ['a query', '/notes?a=1&b=2', '/notes?a=1&b=2'],
        ['escapes', '/n%C3%B6tes?a=%26%0A&b=%2F', '/n%C3%B6tes?a=%26%0A&b=%2F'],
      ],
      async (path) => {
        const { status, headers } = await send({ path, headers: navigation })
        const [start, value] = String(headers.location).split('?return_to=')
        return status === 303 && start === '/auth/refresh' ? value : { status, headers }
      },
      'return_to',
    )
    const old = await send({ path: '/notes', headers: ['accept', 'text/html,*/*;q=0.8'] })
    t.equal(old.headers.location, '/auth/refresh?return_to=/notes', 'without Sec-Fetch-Mode')
    t.strictSame(takeReceived(), [], 'the app saw nothing')
  })

  await t.test('other requests without login get 401', async (t) => {
    for (const headers of [
      ['accept', '*/*'],
      ['accept', 'application/json'],
      ['sec-fetch-mode', 'cors', 'accept', 'text/html'],
      ['sec-fetch-mode', 'no-cors', 'accept', 'text/html'],
      ['authorization', 'Bearer a.b.c'],
      ['cookie', 'latchkey=a.b.c'],
    ]) {
      const reply = await send({ path: '/api/me', headers })
      t.equal(reply.status, 401, headers.join())
      t.match(reply.headers['www-authenticate'], /^Bearer/)
      t.notOk(reply.headers.location)
    }
    const posted = await send({ method: 'POST', path: '/notes', headers: navigation })
    t.equal(posted.status, 401, 'a form is not redirected: its text would be lost')
    t.strictSame(takeReceived(), [])
  })

  await t.test('with a login the app gets the account, and no token', async (t) => {
    const { id, cookie } = await login()
    const { access_token: token, user } = await behind.signup()
    t.equal(await status('/notes', ['cookie', `theme=dark; ${cookie}; lang=en`]), 200)
    t.match(takeReceived()[0]?.headers.cookie?.[0], /theme=dark; *lang=en/, 'its own cookies')
    for (const [path, headers, subject] of [
      ['/notes?a=1&b=2', ['cookie', `theme=dark; ${cookie}; lang=en`], id],
      ['/notes?a=1&b=2', ['cookie', `${cookie}; latchkey=x; latchkey-refresh=y; theme=dark`], id],
      ['/notes?a=1&b=2', ['authorization', `Bearer ${token}`], user.id],
      ['/notes?a=1&b=2', ['authorization', `Bearer ${token}`, 'cookie', cookie], user.id],
    ] as const) {
      t.equal(await status(path, [...headers]), 200)
      const [received] = takeReceived()
      t.strictSame(identity(received), [[subject], []])
      t.equal(received?.url, path)
      t.notMatch(JSON.stringify(received?.headers), /eyJ|authorization|latchkey(-refresh)?=/)
    }
    t.equal(
      (await send({ path: '/denies', headers: ['cookie', cookie, ...navigation] })).status,
      401,
      'a 401 of the app stays',
    )
    takeReceived()
  })

  await t.test('forged identity headers never reach the app', async (t) => {
    const { id, cookie } = await login()
    for (const [name, headers] of forged) {
      await t.test(name, async (t) => {
        t.equal(await status('/about', headers), 200)
        t.strictSame(identity(takeReceived()[0]), [[], []], 'an open page')
        t.equal(await status('/about', [...headers, 'cookie', cookie]), 200)
        t.strictSame(identity(takeReceived()[0]), [[], []], 'an open page with a login')
        t.equal(await status('/notes', [...headers, 'cookie', cookie]), 200)
        t.strictSame(identity(takeReceived()[0]), [[id], []], 'a protected page')
        t.equal(await status('/notes', headers), 401)
        t.strictSame(takeReceived(), [], 'a protected page without login')
      })
    }
  })

  await t.test('the token of a machine client opens nothing', async (t) => {
    for (const token of [await behind.machineToken(), await behind.machineToken('orders:ship')])
      for (const path of ['/notes', '/notes?scope=orders:ship', '/editors/list', '/api/me'])
        t.equal(await status(path, ['authorization', `Bearer ${token}`]), 403, path)
    t.strictSame(takeReceived(), [])
  })

  await t.test('the roles reach the app, and a part of it needs one', async (t) => {
    for (const [roles, expected] of [
      [[], 403],
      [['editor'], 200],
      [['admin', 'editor', 'billing.read'], 200],
      [['billing.read', 'editor'], 200],
      [['editors', 'sub-editor', 'co.editor', 'editor.x', 'xeditor'], 403],
      [['admin'], 403],
    ] as const) {
      const { id, cookie } = await login([...roles])
      t.equal(await status('/notes', ['cookie', cookie]), 200)
      t.strictSame(
        identity(takeReceived()[0]),
        [[id], roles.length > 0 ? [roles.join(',')] : []],
        'every page',
      )
      for (const forged of [[], ['X-Latchkey-Roles', 'editor'], ['x_latchkey_roles', 'editor']]) {
        t.equal(
          await status('/editors/list?a=1&b=%26', ['cookie', cookie, ...forged]),
          expected,
          `${roles.join()} ${forged.join()}`,
        )
        const received = takeReceived()
        t.strictSame(
          received.map((one) => [one.url, ...identity(one)]),
          expected === 200 ? [['/editors/list?a=1&b=%26', [id], [roles.join(',')]]] : [],
        )
        t.notMatch(JSON.stringify(received), /eyJ|authorization|latchkey(-refresh)?=/)
      }
      for (const path of [
        '/editors',
        '/editors/',
        '/Editors/list',
        '/%65ditors/list',
        '//editors/list',
        '/notes/../editors/list',
        '/notes/%2e%2e/editors/list',
      ])
        t.equal(await status(path, ['cookie', cookie]), expected, path)
      takeReceived()
    }
    t.equal(await status('/editors/list', ['X-Latchkey-Roles', 'editor']), 401, 'without a login')
    const reply = await send({ path: '/editors/list', headers: navigation })
    t.equal(reply.headers.location, '/auth/refresh?return_to=/editors/list')
    t.strictSame(takeReceived(), [])
  })

  await t.test('no spelling of a path opens what is protected', async (t) => {
    for (const path of [
      '/about/../notes',
      '/about/%2e%2e/notes',
      '/about%2f..%2fnotes',
      '//notes',
      '/About',
      '/about;/notes',
      '/about%00/notes',
      '/AUTH/../notes',
      '/auth/../notes',
      '/auth/%2e%2e/notes',
      '/auth/..%2fnotes',
      '/auth/..;/notes',
    ]) {
      await send({ path })
      for (const { url } of takeReceived()) t.equal(url, '/about', path)
    }
    t.equal(await status('/auth/metrics'), 404)
  })

  await t.test('an access token that has expired opens nothing', async (t) => {
    const { cookie } = await login()
    t.equal(await status('/notes', ['cookie', cookie]), 200)
    time.now += 700_000
    t.equal(await status('/notes', ['cookie', cookie]), 401)
    time.now -= 700_000
    takeReceived()
  })

  await t.test('while Latchkey is away, nothing is open but the open pages', async (t) => {
    const { cookie } = await login()
    await app.close()
    for (const headers of [navigation, ['cookie', cookie], ['cookie', cookie, ...navigation]]) {
      const reply = await send({ path: '/notes', headers })
      t.ok(reply.status >= 500, `${reply.status}`)
      t.notOk(reply.headers.location, 'no redirect')
    }
    t.strictSame(takeReceived(), [])
    t.equal(await status('/about'), 200)
  })
}

/**
 * The values of the two headers, under any name that an app may read as theirs. The header of
 * scopes is for machine clients: it counts as a subject.
 */
function identity(received: Received | undefined): [string[], string[]] {
  const values = (name: string) =>
    Object.entries(received?.headers ?? {})
      .filter(([header]) => header.replaceAll(/[^a-z]/g, '-') === name)
      .flatMap(([, values]) => values)
      .filter((value) => value !== '')
  return [
    [...values('x-latchkey-subject'), ...values('x-latchkey-scope')],
    values('x-latchkey-roles'),
  ]
}
