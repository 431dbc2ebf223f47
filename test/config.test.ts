import { availableParallelism } from 'node:os'
import t, { type Test } from 'tap'
import { loadConfig } from '../src/config.js'
import { refused } from './support/refused-settings.js'

type Env = Record<string, string | undefined>

const defaults = {
  HOST: '127.0.0.1',
  PORT: 3000,
  PUBLIC_URL: 'http://localhost:3000',
  DATABASE_URL: 'file:./data/latchkey.db',
  DATABASE_URL_FILE: '',
  MIGRATE_DATABASE_URL: '',
  MIGRATE_DATABASE_URL_FILE: '',
  AUTO_MIGRATE: 'on',
  TOKEN_AUDIENCE: 'http://localhost:3000',
  ACCESS_TOKEN_SECONDS: 600,
  REFRESH_TOKEN_SECONDS: 2_592_000,
  REFRESH_MAX_SECONDS: 7_776_000,
  KEYS_FILE: './data/keys.json',
  KEYS: '',
  KEY_PUBLISH_SECONDS: 1200,
  PASSWORD_MIN_LENGTH: 8,
  ARGON2_MEMORY_KIB: 19456,
  ARGON2_PASSES: 2,
  ARGON2_LANES: 1,
  HASH_CONCURRENCY: availableParallelism(),
  HASH_QUEUE_MS: 1000,
  SIGNUP_MODE: 'instant',
  REQUIRE_VERIFIED_EMAIL: 'off',
  APP_URL: 'http://localhost:3000',
  ANDROID_APP_LINKS: [],
  APPLE_APP_IDS: [],
  SMTP_URL: '',
  SMTP_URL_FILE: '',
  MAIL_FROM: 'Latchkey <no-reply@localhost>',
  REDIS_URL: '',
  REDIS_URL_FILE: '',
  RATE_LIMITS: 'on',
  WORKERS: '1',
  WEBHOOK_URLS: [],
  WEBHOOK_SECRET: [],
  WEBHOOK_SECRET_FILE: '',
  TRUST_PROXY: [],
  CORS_ORIGINS: [],
  COOKIE_SAMESITE: 'Lax',
  COOKIE_DOMAIN: '',
  SIGN_IN_URL: 'http://localhost:3000/login',
  HSTS_SUBDOMAINS: 'off',
  KEEP_ALIVE_SECONDS: 72,
  METRICS: 'off',
  DOCS: 'on',
  LOG_LEVEL: 'info',
}

t.test('unset and empty variables take the default, other variables are ignored', async (t) => {
  t.strictSame(loadConfig({}), defaults)
  t.strictSame(
    loadConfig(Object.fromEntries(Object.keys(defaults).map((name) => [name, '']))),
    defaults,
  )
  t.strictSame(loadConfig({ PORT: ' ', HOST: undefined, PATH: '/bin', port: '1' }), defaults)
})

t.test('defaults that follow from other settings', async (t) => {
  const urls = (url: string) => ({
    PUBLIC_URL: url,
    TOKEN_AUDIENCE: url,
    APP_URL: url,
    SIGN_IN_URL: `${url}/login`,
  })
  const rows: Array<[Env, Partial<typeof defaults>]> = [
    [{ PORT: ' 8080 ' }, { PORT: 8080, ...urls('http://localhost:8080') }],
    [{ PORT: '80' }, { PORT: 80, ...urls('http://localhost') }],
    [{ PUBLIC_URL: 'https://a.example' }, urls('https://a.example')],
    [
      { PUBLIC_URL: 'https://a.example', TOKEN_AUDIENCE: 'api' },
      { ...urls('https://a.example'), TOKEN_AUDIENCE: 'api' },
    ],
    [{ APP_URL: 'https://app.example' }, { APP_URL: 'https://app.example' }],
    [{ SIGN_IN_URL: 'https://app.example/in?x=1' }, { SIGN_IN_URL: 'https://app.example/in?x=1' }],
    [
      { DATABASE_URL: 'postgresql://h/d' },
      { DATABASE_URL: 'postgresql://h/d', AUTO_MIGRATE: 'off' },
    ],
    [{ DATABASE_URL: 'libsql://h' }, { DATABASE_URL: 'libsql://h', AUTO_MIGRATE: 'off' }],
    [
      { DATABASE_URL: 'postgres://h/d', AUTO_MIGRATE: 'on' },
      { DATABASE_URL: 'postgres://h/d', AUTO_MIGRATE: 'on' },
    ],
    [
      { DATABASE_URL: 'file:x.db', AUTO_MIGRATE: 'off' },
      { DATABASE_URL: 'file:x.db', AUTO_MIGRATE: 'off' },
    ],
  ]
  for (const [env, change] of rows)
    t.strictSame(loadConfig(env), { ...defaults, ...change }, JSON.stringify(env))
})

t.test('the edges of each setting', async (t) => {
  const rows: Array<[name: string, good: string[], bad: string[]]> = [
    ['HOST', ['0.0.0.0', '::1', 'api.example'], []],
    [
      'PORT',
      ['1', '65535'],
      ['0', '65536', '-1', '1.5', '0x10', '1e3', 'http', '99999999999999999999'],
    ],
    [
      'DATABASE_URL',
      [
        'file:a.db',
        'file:///a/b.db',
        'file:/a b/ü.db',
        'file://localhost/a.db',
        'libsql://h?authToken=x',
        'postgres://h/d',
        'postgresql://u:p%23@[::1]:5432/d?host=/run',
      ],
      [
        'mysql://h/d',
        'file:',
        'libsql://',
        'postgresql://',
        'x',
        'POSTGRESQL://h/d',
        'postgresql://u:p#w@h/d',
        'postgresql://u:1#w@h/d',
        'postgresql://u:p/w@h/d',
        'postgresql://h:99999/d',
        'file://host/a.db',
        'file:a#b.db',
        'file::memory:',
        'file:a%zz.db',
      ],
    ],
    ['AUTO_MIGRATE', ['on', 'off'], ['ON', 'true', '1', 'yes']],
    [
      'TOKEN_AUDIENCE',
      [
        'a',
        'x'.repeat(200),
        'http://localhost:3000/',
        'http://localhost:3000/api',
        'https://a.example/refresh',
      ],
      [
        'x'.repeat(201),
        ...['refresh', 'links', 'devices'].map((path) => `http://localhost:3000/${path}`),
      ],
    ],
    ['ACCESS_TOKEN_SECONDS', ['60', '3600'], ['59', '3601', '600s']],
    ['REFRESH_TOKEN_SECONDS', ['60', '31536000'], ['59', '31536001', '30d']],
    ['REFRESH_MAX_SECONDS', ['60', '315360000'], ['59', '315360001', '1.5']],
    [
      'REDIS_URL',
      ['redis://localhost', 'redis://:p%40@h:6379/1', 'rediss://u:p@h:6380'],
      ['localhost:6379', 'http://h', 'redis:', 'redis://', 'redis:///1', 'redis://u:p/w@h'],
    ],
    [
      'SMTP_URL',
      ['smtp://mail.example', 'smtps://u:p%40@mail.example:465', 'smtp://localhost:1025'],
      ['mail.example', 'http://mail.example', 'smtp:', 'smtp://', 'smtp://u:p/w@h', 'smtp:///x'],
    ],
    [
      'MAIL_FROM',
      ['a@b.example', 'Ada <a@b.example>', '<a@b.example>', 'no-reply@localhost'],
      [
        'Ada',
        'a b@c',
        'Ada <a@b',
        'Ada a@b.example',
        'Ada <a@b>, Eve <e@b>',
        'A\rB <a@b.example>',
        'A\nBcc: x@y <a@b.example>',
        '<>',
      ],
    ],
    ['SIGNUP_MODE', ['instant', 'verify_first', 'closed'], ['verify-first', 'off', 'INSTANT']],
    ['REQUIRE_VERIFIED_EMAIL', ['on', 'off'], ['ON', 'true']],
    ['RATE_LIMITS', ['on', 'off'], ['ON', '0']],
    [
      'TRUST_PROXY',
      ['127.0.0.1', '10.0.0.0/8, ::1', 'fd00::/8', '0.0.0.0/1'],
      [
        '0.0.0.0/0',
        '::/0',
        '1',
        'loopback',
        '10.0.0.0/33',
        '10.0.0.0/8/8',
        '10.0.0/8',
        'fd00::/129',
        'proxy.example',
        '10.0.0.1-10.0.0.9',
        'true',
      ],
    ],
    ['KEYS_FILE', ['k'], []],
    ['KEYS', ['{"keys":[]}'], []],
    ['KEY_PUBLISH_SECONDS', ['0', '604800'], ['-1', '604801']],
    ['PASSWORD_MIN_LENGTH', ['8', '64'], ['7', '65']],
    ['ARGON2_MEMORY_KIB', ['19456', '4194304'], ['19455', '4194305', 'much']],
    ['ARGON2_PASSES', ['2', '100'], ['0', '101', 'x']],
    ['ARGON2_LANES', ['1', '16'], ['0', '17']],
    ['HASH_CONCURRENCY', ['1', '1024'], ['0', '1025', '1.5', 'auto']],
    ['HASH_QUEUE_MS', ['0', '60000'], ['-1', '60001', '1s']],
    ['HSTS_SUBDOMAINS', ['on', 'off'], ['On', 'true']],
    ['KEEP_ALIVE_SECONDS', ['1', '72', '7200'], ['0', '7201', '-1', '1.5', '72s']],
    ['MIGRATE_DATABASE_URL', [''], ['postgresql://h/d', 'file:x', 'x']],
    ['METRICS', ['on', 'off'], ['ON', '1']],
    ['DOCS', ['on', 'off'], ['On', 'false']],
    [
      'LOG_LEVEL',
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      ['INFO', 'verbose'],
    ],
  ]
  for (const [name, good, bad] of rows) {
    for (const value of good) t.strictSame(refused({ [name]: value }), [], `${name}=${value}`)
    for (const value of bad) t.strictSame(refused({ [name]: value }), [name], `${name}=${value}`)
  }
})

t.test(
  'every bad setting is named at once, and only those, and no value is shown',
  async (t: Test) => {
    const secret = 'S3cretValue'
    const bad = [
      'PORT',
      'PUBLIC_URL',
      'DATABASE_URL',
      'AUTO_MIGRATE',
      'ACCESS_TOKEN_SECONDS',
      'KEY_PUBLISH_SECONDS',
      'PASSWORD_MIN_LENGTH',
      'ARGON2_MEMORY_KIB',
      'ARGON2_PASSES',
      'ARGON2_LANES',
      'CORS_ORIGINS',
      'DOCS',
      'LOG_LEVEL',
    ]
    const env = Object.fromEntries(bad.map((name) => [name, secret]))
    t.strictSame(
      refused({ ...env, HOST: secret, KEYS: secret, KEYS_FILE: secret, TOKEN_AUDIENCE: secret }),
      bad,
    )
    t.strictSame(refused({ PORT: 'x' }), ['PORT'], 'not the URL that would have followed from it')
    t.throws(
      () =>
        loadConfig({
          ...env,
          DATABASE_URL: `postgresql://u:${secret}#@h/d`,
          PUBLIC_URL: `https://u:${secret}@h`,
        }),
      { name: 'ConfigError' },
    )
    try {
      loadConfig({ ...env, DATABASE_URL: `postgresql://u:${secret}#@h/d` })
    } catch (error) {
      t.notMatch(`${(error as Error).stack}`, secret)
    }
  },
)

t.test('migrations may go to another URL of the same PostgreSQL', async (t) => {
  const DATABASE_URL = 'postgresql://pooler,other/d'
  for (const url of ['postgresql://h/d', 'postgres://a,b/d'])
    t.strictSame(refused({ DATABASE_URL, MIGRATE_DATABASE_URL: url }), [], url)
  for (const url of ['file:x', 'postgresql://h/d?sslmod=require'])
    t.strictSame(
      refused({ DATABASE_URL, MIGRATE_DATABASE_URL: url }),
      ['MIGRATE_DATABASE_URL'],
      url,
    )
})

t.test('a URL of libSQL must be a URL', async (t) => {
  t.strictSame(refused({ DATABASE_URL: 'libsql://[' }), ['DATABASE_URL'])
})

t.test('Redis may be behind Sentinel', async (t) => {
  t.strictSame(refused({ REDIS_URL: 'redis+sentinel://one,two/shared' }), [])
  t.strictSame(refused({ REDIS_URL: 'redis+sentinel://one' }), ['REDIS_URL'])
})
