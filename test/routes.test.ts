import t from 'tap'
import { routesOf } from '../src/app.js'
import { loadConfig } from '../src/config.js'
import { buildTestApp } from './helper.js'

/** The settings that decide which routes there are. */
const settings = [
  {},
  { DOCS: 'off' },
  { SIGNUP_MODE: 'verify_first' },
  { SIGNUP_MODE: 'closed' },
  { METRICS: 'on' },
  { APPLE_APP_IDS: 'ABCDE12345.com.example.app' },
  { ANDROID_APP_LINKS: `com.example.app=${Array(32).fill('A0').join(':')}` },
  { PUBLIC_URL: 'https://example.org/auth' },
]

t.test('the map of src/app.ts names every route with its method and path', async (t) => {
  for (const env of settings) {
    const registered: string[] = []
    await buildTestApp(t, {
      env,
      beforeReady: (app) => {
        app.addHook('onRoute', ({ method, url }) => {
          registered.push(`${String(method)} ${url}`)
        })
      },
    })
    const named = Object.keys(routesOf(loadConfig(env)))
    if ('METRICS' in env) named.push('GET /metrics')
    // HEAD comes with GET. The page of the docs brings its files along. Under a path prefix, RFC
    // 8414 puts the well-known segment before the path.
    const added = /^(HEAD|OPTIONS) |^(HEAD,)?GET \/docs\/|^GET \/\.well-known\/[a-z-]+\/\*$/
    t.strictSame(
      registered.filter((route) => !added.test(route)).sort(),
      named.sort(),
      JSON.stringify(env),
    )
  }
})
