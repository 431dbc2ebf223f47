import t from 'tap'
import { linkPaths } from '../../../src/api/well-known/app-links.js'
import { loadConfig } from '../../../src/config.js'
import { createMessages } from '../../../src/mail/messages.js'
import { buildTestApp, problem } from '../../helper.js'
import { listen } from '../../support/send.js'

const android = '/.well-known/assetlinks.json'
const apple = '/.well-known/apple-app-site-association'
const [first = '', second = '', third = ''] = ['A0', 'B1', 'C2'].map((byte) =>
  Array(32).fill(byte).join(':'),
)
const env = {
  ANDROID_APP_LINKS: `com.example.app=${first},com.example.beta=${second},com.example.app=${third}`,
  APPLE_APP_IDS: 'ABCDE12345.com.example.app, ABCDE12345.com.example.beta',
}
const relation = [
  'delegate_permission/common.handle_all_urls',
  'delegate_permission/common.get_login_creds',
]
const statement = (name: string, ...fingerprints: string[]) => ({
  relation,
  target: {
    namespace: 'android_app',
    package_name: name,
    sha256_cert_fingerprints: fingerprints,
  },
})
const association = (appIDs: string[], prefix = '') => ({
  applinks: {
    details: [
      {
        appIDs,
        components: ['/password/reset', '/email/verify', '/email/change', '/email/undo'].map(
          (path) => ({ '/': `${prefix}${path}`, '#': 'token=?*' }),
        ),
      },
    ],
  },
  webcredentials: { apps: appIDs },
})

t.test('the files for apps, with exactly the type that the platforms ask for', async (t) => {
  const { call } = await buildTestApp(t, { env })
  for (const [path, document] of [
    [android, [statement('com.example.app', first, third), statement('com.example.beta', second)]],
    [apple, association(['ABCDE12345.com.example.app', 'ABCDE12345.com.example.beta'])],
  ] as const) {
    const reply = await call('GET', path)
    t.equal(reply.statusCode, 200)
    t.equal(reply.headers['content-type'], 'application/json')
    t.equal(reply.headers['cache-control'], 'public, max-age=600')
    t.strictSame(reply.json(), document)
    const head = await call('HEAD', path)
    t.strictSame([head.statusCode, head.body], [200, ''])
    problem(t, await call('POST', path, { body: {} }), 405, 'method_not_allowed')
    t.equal((await call('GET', `${path}?x=1`)).statusCode, 200, 'a query changes nothing')
  }
})

t.test('an entry that is given twice counts once', async (t) => {
  const { call } = await buildTestApp(t, {
    env: {
      ANDROID_APP_LINKS: `a.b=${first},a.b=${first}`,
      APPLE_APP_IDS: 'ABCDE12345.a.b,ABCDE12345.a.b',
    },
  })
  t.strictSame((await call('GET', android)).json(), [statement('a.b', first)])
  t.strictSame((await call('GET', apple)).json(), association(['ABCDE12345.a.b']))
})

t.test('each file needs its own setting', async (t) => {
  for (const [name, served, missing] of [
    ['ANDROID_APP_LINKS', android, apple],
    ['APPLE_APP_IDS', apple, android],
  ] as const) {
    const { call } = await buildTestApp(t, { env: { [name]: env[name] } })
    t.equal((await call('GET', served)).statusCode, 200, served)
    for (const method of ['GET', 'HEAD', 'POST'] as const)
      t.equal((await call(method, missing)).statusCode, 404, `${method} ${missing}`)
    const unknown = (await call('GET', '/.well-known/unknown')).json<{ request_id: string }>()
    const refusal = problem(t, await call('GET', missing), 404, 'not_found')
    t.strictSame(refusal, { ...unknown, request_id: refusal.request_id })
  }
})

t.test(
  'under a path: at the root of the host, with the path of APP_URL in the links',
  async (t) => {
    const PUBLIC_URL = 'https://example.com/auth'
    for (const [APP_URL, prefix] of [
      [undefined, '/auth'],
      ['https://www.example.com', ''],
      ['https://www.example.com/account', '/account'],
    ]) {
      const { app, call } = await buildTestApp(t, {
        env: { ...env, PUBLIC_URL, ...(APP_URL !== undefined && { APP_URL }) },
      })
      const { send } = await listen(t, app)
      for (const path of [apple, `/auth${apple}`, `https://example.com${apple}`]) {
        const { status, body } = await send({ path })
        t.equal(status, 200, path)
        t.strictSame(
          JSON.parse(body),
          association(['ABCDE12345.com.example.app', 'ABCDE12345.com.example.beta'], prefix),
        )
      }
      t.equal((await call('GET', android)).statusCode, 200)
    }
  },
)

t.test('the paths are those of the mails, and each is a page', async (t) => {
  const messages = createMessages({ appUrl: 'https://app.example' })
  const texts = Object.values(messages).map((write: (to: string, token: string) => object) =>
    JSON.stringify(write('ada@example.org', 'eyJ.x.y')),
  )
  const found = texts.join('').matchAll(/https:\/\/app\.example(\/[a-z/]+)(#token=[\w.]+)/g)
  const paths = new Set(Array.from(found, ([, path]) => path))
  t.strictSame([...paths].sort(), [...linkPaths].sort())
  const { call } = await buildTestApp(t)
  for (const path of linkPaths) {
    const page = await call('GET', path, { headers: { accept: 'text/html' } })
    t.match(page.headers['content-type'], /^text\/html/, path)
  }
})

t.test('the contract names the files when they are served', async (t) => {
  const { app } = await buildTestApp(t, { env })
  const { paths = {} } = app.swagger()
  for (const path of [android, apple])
    t.strictSame(Object.keys(paths[path]?.get?.responses ?? {}).includes('200'), true, path)
  t.strictSame(loadConfig({}).APPLE_APP_IDS, [])
})

t.test('a wrong entry stops the start, and the message says the format', async (t) => {
  t.throws(() => loadConfig({ ANDROID_APP_LINKS: 'com.example.app' }), {
    name: 'ConfigError',
    message: /^ {2}ANDROID_APP_LINKS: Entries <package name>=<SHA-256 fingerprint/m,
  })
  t.throws(() => loadConfig({ APPLE_APP_IDS: 'com.example.app' }), {
    name: 'ConfigError',
    message: /^ {2}APPLE_APP_IDS: Entries <Team ID>\.<bundle ID>, separated by commas, such as/m,
  })
})
