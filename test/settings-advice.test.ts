import t from 'tap'
import { loadConfig } from '../src/config.js'
import { misspelledSettings, riskySettings } from '../src/settings-advice.js'
import { Settings } from '../src/settings.js'
import { everyRowIs, type Case, tableIs } from './support/table.js'

t.test('names that look like a setting are reported with the setting', async (t) => {
  const rows: Array<Case<string>> = [
    ['two letters in the wrong order', 'PUBLIC_ULR', 'PUBLIC_URL'],
    ['a letter too many', 'CORS_ORIGINSS', 'CORS_ORIGINS'],
    ['a letter missing', 'TRUST_PROX', 'TRUST_PROXY'],
    ['the singular', 'CORS_ORIGIN', 'CORS_ORIGINS'],
    ['a plural', 'TRUST_PROXYS', 'TRUST_PROXY'],
    ['another word', 'REDIS_URI', 'REDIS_URL'],
    ['lower case', 'public_url', 'PUBLIC_URL'],
    ['hyphens', 'PUBLIC-URL', 'PUBLIC_URL'],
    ['a prefix', 'LATCHKEY_APP_URL', 'APP_URL'],
    ['set of Windows', 'set PORT', 'PORT'],
    ['PowerShell', '$env:DATABASE_URL', 'DATABASE_URL'],
    ['a file for a setting that takes none', 'PUBLIC_URL_FILE', 'PUBLIC_URL'],
    ['a misspelled file', 'SMTP_URL_FIEL', 'SMTP_URL_FILE'],
    ['a short name', 'HOSTS', 'HOST'],
    ['a no-break space at the end', 'PORT\u00A0', 'PORT'],
    ['an invisible character', 'HOST\u200B', 'HOST'],
    ['two letters of a short name in the wrong order', 'PROT', 'PORT'],
  ]
  await tableIs(
    t,
    rows.map(([name, input, meant]) => [
      name,
      input,
      [`${input} is not a setting; is it ${meant}?`],
    ]),
    (name) => misspelledSettings([name]),
    'the warning',
  )
})

t.test('settings and the variables of others are not reported', async (t) => {
  t.strictSame(misspelledSettings(Object.keys(Settings.properties)), [])
  const others = `HOME HOSTNAME HOSTTYPE PATH PWD OLDPWD SHLVL TERM LANG LC_ALL USER LOGNAME SHELL
    EDITOR TZ NODE_ENV NODE_OPTIONS NODE_VERSION YARN_VERSION UV_THREADPOOL_SIZE CI INIT_CWD COLOR
    MALLOC_ARENA_MAX NODE_EXTRA_CA_CERTS LATCHKEY_DEV LATCHKEY_SERVICE_HOST
    LATCHKEY_SERVICE_PORT LATCHKEY_PORT LATCHKEY_PORT_3000_TCP KUBERNETES_PORT KUBERNETES_SERVICE_HOST
    npm_config_cache npm_lifecycle_event npm_package_json DBUS_SESSION_BUS_ADDRESS INVOCATION_ID
    BASH_FUNC_which%% JOURNAL_STREAM SYSTEMD_EXEC_PID PGHOST PGPORT POSTGRES_USER REDIS_PORT`.split(
    /\s+/,
  )
  await everyRowIs(
    t,
    others.map((name) => [name, name]),
    [],
    (name) => misspelledSettings([name]),
    'no warning',
  )
})

t.test('a server for others is told what it misses', async (t) => {
  const risky = (env: Record<string, string>) =>
    riskySettings(env, loadConfig(env)).map((text) => text.split(' ')[0])
  const both = ['PUBLIC_URL', 'SMTP_URL']
  const set = { PUBLIC_URL: 'https://a.example', SMTP_URL: 'smtp://mail' }
  const rows: Array<Case<Record<string, string>, unknown>> = [
    ['this machine', {}, []],
    ['localhost', { HOST: 'LocalHost' }, []],
    ['loopback', { HOST: '127.8.8.8' }, []],
    ['loopback, IPv6', { HOST: '::1' }, []],
    ['every address', { HOST: '0.0.0.0' }, both],
    ['every address, IPv6', { HOST: '::' }, both],
    ['one address', { HOST: '10.0.0.5' }, both],
    ['production behind a proxy', { NODE_ENV: 'production' }, both],
    ['an empty URL', { HOST: '::', PUBLIC_URL: ' ' }, both],
    ['with a URL', { HOST: '::', PUBLIC_URL: 'http://localhost:3000' }, ['SMTP_URL']],
    ['with a mail server', { HOST: '::', SMTP_URL: 'smtp://mail' }, ['PUBLIC_URL']],
    ['http', { PUBLIC_URL: 'http://auth.internal:3000' }, ['PUBLIC_URL']],
    ['http on this machine', { PUBLIC_URL: 'http://id.localhost' }, []],
    ['http on loopback', { PUBLIC_URL: 'http://127.0.0.1:3000' }, []],
    ['http on loopback, IPv6', { PUBLIC_URL: 'http://[::1]:3000' }, []],
    ['with both', { HOST: '::', NODE_ENV: 'production', ...set }, []],
  ]
  await tableIs(t, rows, risky, 'the settings that are named')
  t.match(riskySettings({}, loadConfig({ HOST: '::', PORT: '81' })), [
    / tokens name http:\/\/localhost:81 as their issuer/,
    / written to data\/outbox/,
  ])
})

t.test('parameters of the database that have no effect are named', async (t) => {
  const warnings = (url: string) => riskySettings({}, loadConfig({ DATABASE_URL: url }))
  t.strictSame(warnings('postgresql://u:S3cret@h/d?pgbouncer=true&channel_binding=require'), [
    'DATABASE_URL has parameters without effect: pgbouncer, channel_binding.',
  ])
  t.strictSame(warnings('postgresql://h/d?sslmode=require'), [])
})
