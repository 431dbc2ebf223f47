import t from 'tap'
import { loadConfig } from '../src/config.js'
import { refused } from './support/refused-settings.js'

t.test('PUBLIC_URL and APP_URL are taken in their one canonical spelling', async (t) => {
  const good = [
    'http://localhost',
    'http://localhost:3000',
    'https://auth.example.com',
    'https://example.com/auth',
    'http://[::1]:80/x'.replace(':80', ''),
    'https://xn--bcher-kva.example',
    `https://a.example/${'x'.repeat(482)}`,
  ]
  const bad = [
    'https://a.example/',
    'https://a.example/x/',
    'https://A.example',
    'HTTPS://a.example',
    'https://a.example:443',
    'http://a.example:80',
    'https://a.example?x',
    'https://a.example?',
    'https://a.example#x',
    'https://a.example#',
    'https://u@a.example',
    'https://u:p@a.example',
    'https://a.example/x/../y',
    'https://a.example/a b',
    'https://bücher.example',
    'ftp://a.example',
    'a.example',
    '//a.example',
    'https://',
    'https://a.example\\x',
    'javascript:alert(1)',
    'http:a.example',
    'http://127.1',
    `https://a.example/${'x'.repeat(483)}`,
  ]
  for (const url of good) t.strictSame(refused({ PUBLIC_URL: url, APP_URL: url }), [], url)
  for (const url of bad)
    t.strictSame(refused({ PUBLIC_URL: url, APP_URL: url }), ['PUBLIC_URL', 'APP_URL'], url)
})

t.test('PUBLIC_URL has a path that can begin a Location and be the path of a cookie', async (t) => {
  for (const path of ['/auth/v1', '/a,b', '/a=b', '/a*b', '/a%20b', '/%3b', '/%2f'])
    t.strictSame(refused({ PUBLIC_URL: `https://a.example${path}` }), [], path)
  for (const path of ['//auth', '/auth//v1', '/a;b', '/;'])
    t.strictSame(refused({ PUBLIC_URL: `https://a.example${path}` }), ['PUBLIC_URL'], path)
})

t.test('COOKIE_DOMAIN is the host of PUBLIC_URL or a parent of it', async (t) => {
  const PUBLIC_URL = 'https://id.auth.example.com/v1'
  for (const COOKIE_DOMAIN of ['', 'example.com', 'auth.example.com', 'id.auth.example.com'])
    t.strictSame(refused({ PUBLIC_URL, COOKIE_DOMAIN }), [], COOKIE_DOMAIN)
  for (const COOKIE_DOMAIN of [
    'com',
    '.example.com',
    'example.com.',
    'Example.com',
    'xample.com',
    'other.com',
    'x.id.auth.example.com',
    'https://example.com',
    'example.com:443',
    'example.com/v1',
    'example.com; Secure',
    '*.example.com',
  ])
    t.strictSame(refused({ PUBLIC_URL, COOKIE_DOMAIN }), ['COOKIE_DOMAIN'], COOKIE_DOMAIN)
  t.strictSame(refused({ COOKIE_DOMAIN: 'localhost' }), ['COOKIE_DOMAIN'])
  t.strictSame(refused({ PUBLIC_URL: 'http://10.0.0.5', COOKIE_DOMAIN: '0.0.5' }), [
    'COOKIE_DOMAIN',
  ])
})

t.test('COOKIE_SAMESITE and SIGN_IN_URL', async (t) => {
  for (const value of ['Lax', 'Strict']) t.strictSame(refused({ COOKIE_SAMESITE: value }), [])
  for (const value of ['None', 'lax', 'off'])
    t.strictSame(refused({ COOKIE_SAMESITE: value }), ['COOKIE_SAMESITE'], value)
  for (const url of ['https://a.example', 'https://a.example/in?x=1', 'http://localhost:4000/in/'])
    t.strictSame(refused({ SIGN_IN_URL: url }), [], url)
  for (const url of [
    '/login',
    '//a.example',
    'a.example',
    'https:a.example',
    'https:///a.example',
    'https://a.example/#x',
    'https://a.example/a b',
    'https://a.example\\x',
    'https://u:p@a.example',
    'javascript:alert(1)',
    `https://a.example/${'x'.repeat(500)}`,
  ])
    t.strictSame(refused({ SIGN_IN_URL: url }), ['SIGN_IN_URL'], url)
})

t.test('ANDROID_APP_LINKS are packages with a fingerprint', async (t) => {
  const bytes = Array.from({ length: 32 }, (_, index) => `A${(index % 16).toString(16)}`)
  const print = bytes.join(':').toUpperCase()
  for (const value of [
    '',
    `com.example.app=${print}`,
    ` a.b=${print} , a.b=${print.replaceAll('A', '0')},Com.Example_1.x=${print}, `,
  ])
    t.strictSame(refused({ ANDROID_APP_LINKS: value }), [], value)
  for (const value of [
    print,
    'com.example.app',
    'com.example.app=',
    `=${print}`,
    `app=${print}`,
    `com..app=${print}`,
    `com.1app=${print}`,
    `com.example-app=${print}`,
    `com.*=${print}`,
    `com.example.app:${print}`,
    `com.example.app =${print}`,
    `com.example.app=${print.toLowerCase()}`,
    `com.example.app=${print.replaceAll(':', '')}`,
    `com.example.app=${print}:00`,
    `com.example.app=${print.slice(3)}`,
    `com.example.app=${print.slice(0, 59)}`,
    `com.example.app=SHA256:${print}`,
    `com.example.app=${print};com.example.app=${print}`,
    `com.example.app=${print},x`,
  ])
    t.strictSame(refused({ ANDROID_APP_LINKS: value }), ['ANDROID_APP_LINKS'], value)
})

t.test('APPLE_APP_IDS begin with the ID of a team', async (t) => {
  for (const value of ['', 'ABCDE12345.com.example.app', '0123456789.App-1, ABCDE12345.a.b'])
    t.strictSame(refused({ APPLE_APP_IDS: value }), [], value)
  for (const value of [
    'com.example.app',
    'ABCDE12345',
    'ABCDE12345.',
    'ABCDE1234.com.example.app',
    'ABCDE123456.com.example.app',
    'abcde12345.com.example.app',
    'ABCDE12345.com.example.*',
    'ABCDE12345.com..app',
    'ABCDE12345.com.example.app.',
    'ABCDE12345.com.example_app',
    'ABCDE12345 com.example.app',
    `ABCDE12345.${'x'.repeat(190)}`,
  ])
    t.strictSame(refused({ APPLE_APP_IDS: value }), ['APPLE_APP_IDS'], value)
})

t.test('CORS_ORIGINS are exact origins', async (t) => {
  const rows: Array<[string, string[]]> = [
    ['https://app.example.com', ['https://app.example.com']],
    [
      ' https://a.example , http://localhost:5173,, ',
      ['https://a.example', 'http://localhost:5173'],
    ],
    [',', []],
    // Pages of mobile and desktop apps, and of browser extensions.
    [
      'capacitor://localhost,ionic://localhost,tauri://localhost',
      ['capacitor://localhost', 'ionic://localhost', 'tauri://localhost'],
    ],
    ...[
      'https://localhost',
      'http://tauri.localhost',
      'capacitor://com.example.app',
      'ionic://localhost:8080',
      'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
      'moz-extension://0b4b5c6e-6c1d-4b0e-9a53-1e5d8a0c7f21',
      'safari-web-extension://0B4B5C6E-6C1D-4B0E-9A53-1E5D8A0C7F21',
    ].map((origin): [string, string[]] => [origin, [origin]]),
  ]
  for (const [CORS_ORIGINS, origins] of rows)
    t.strictSame(
      loadConfig({ CORS_ORIGINS }),
      { ...loadConfig({}), CORS_ORIGINS: origins },
      CORS_ORIGINS,
    )
  for (const CORS_ORIGINS of [
    '*',
    'null',
    'https://a.example/',
    'https://A.example',
    'https://a.example:443',
    'https://*.a.example',
    'a.example',
    'https://a.example https://b.example',
    'https://a.example;https://b.example',
    'https://ok.example,*',
    'capacitor://localhost/',
    'capacitor://',
    'capacitor:localhost',
    'capacitor://*',
    'capacitor://local host',
    'capacitor://user@localhost',
    'chrome-extension://*',
    'chrome-extension://abc/popup.html',
    'moz-extension://',
    'Capacitor://*.localhost',
    'Capacitor://localhost',
    'file://',
    'file://localhost',
    'data:text/html,x',
    'javascript://localhost',
    'htps://a.example',
    'https://a.example/x',
  ]) {
    t.strictSame(refused({ CORS_ORIGINS }), ['CORS_ORIGINS'], CORS_ORIGINS)
  }
})

t.test('the cost of a hash is at least a row of the OWASP cheat sheet', async (t) => {
  for (const [memory, passes] of [
    [47104, 1],
    [19456, 2],
    [12288, 3],
    [9216, 4],
    [7168, 5],
    [7168, 100],
  ] as const) {
    const env = (memoryKiB: number) => ({
      ARGON2_MEMORY_KIB: String(memoryKiB),
      ARGON2_PASSES: String(passes),
    })
    t.match(loadConfig(env(memory)), {
      ARGON2_MEMORY_KIB: memory,
      ARGON2_PASSES: passes,
      ARGON2_LANES: 1,
    })
    t.strictSame(refused(env(memory - 1)), ['ARGON2_MEMORY_KIB'], `${memory - 1}/${passes}`)
  }
  t.strictSame(
    refused({ ARGON2_PASSES: '1' }),
    ['ARGON2_MEMORY_KIB'],
    'the default memory does not do for one pass',
  )
})

t.test('TOKEN_AUDIENCE cannot be an audience of ours, whatever PUBLIC_URL is', async (t) => {
  for (const path of ['refresh', 'links', 'devices']) {
    const env = {
      PUBLIC_URL: 'https://a.example/auth',
      TOKEN_AUDIENCE: `https://a.example/auth/${path}`,
    }
    t.throws(
      () => loadConfig(env),
      { name: 'ConfigError', message: /^ {2}TOKEN_AUDIENCE: 1 to 200/m },
      path,
    )
    t.equal(
      loadConfig({ ...env, PUBLIC_URL: 'https://b.example' }).TOKEN_AUDIENCE,
      env.TOKEN_AUDIENCE,
      'that of another issuer can',
    )
  }
})
