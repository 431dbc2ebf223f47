import { fastify } from 'fastify'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../src/config.js'
import { refused } from './support/refused-settings.js'
import { everyRowIs } from './support/table.js'

const secrets = {
  DATABASE_URL: 'postgresql://u:p@h/d',
  SMTP_URL: 'smtp://u:p@h',
  REDIS_URL: 'redis://u:p@h',
} as const

type Secret = keyof typeof secrets

t.test('secrets come from files', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'secret')
  for (const [name, value] of Object.entries(secrets) as Array<[Secret, string]>) {
    for (const text of [value, `${value}\n`, `\ufeff ${value}\r\n\n`]) {
      writeFileSync(path, text)
      t.equal(loadConfig({ [`${name}_FILE`]: path })[name], value, JSON.stringify(text))
      t.equal(loadConfig({ [name]: ' ', [`${name}_FILE`]: ` ${path} ` })[name], value)
    }
    t.strictSame(
      refused({ [name]: value, [`${name}_FILE`]: path }),
      [`${name}_FILE`],
      'both forms at once are refused, also with the same value',
    )
    writeFileSync(path, 'nonsense')
    t.strictSame(refused({ [`${name}_FILE`]: path }), [name], 'the value of a file is checked')
  }
  writeFileSync(path, secrets.DATABASE_URL)
  t.equal(
    loadConfig({ DATABASE_URL_FILE: path }).AUTO_MIGRATE,
    'off',
    'defaults follow from the value in the file',
  )
})

t.test('the secrets of webhooks come from a file', async (t) => {
  const path = join(t.testdir(), 'secret')
  const [one, two] = [1, 2].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`)
  writeFileSync(path, `${one},\n${two}\n`)
  t.strictSame(loadConfig({ WEBHOOK_SECRET_FILE: path }).WEBHOOK_SECRET, [one, two])
})

t.test('a secret that cannot be read stops the start, and no value is shown', async (t) => {
  const folder = t.testdir()
  const at = (name: string, content?: string | Buffer) => {
    if (content !== undefined) writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  mkdirSync(at('folder'))
  const paths: Array<[string, string]> = [
    ['missing', at('missing')],
    ['a folder', at('folder')],
    ['empty', at('empty', '')],
    ['blank', at('blank', ' \n')],
    ['UTF-16', at('utf16', Buffer.from(secrets.DATABASE_URL, 'utf16le'))],
    ['not text', at('binary', Buffer.from([0xff, 0xfe, 0x20]))],
  ]
  for (const name of Object.keys(secrets))
    await everyRowIs(
      t,
      paths,
      [`${name}_FILE`],
      (path) => refused({ [`${name}_FILE`]: path }),
      name,
    )
  t.strictSame(refused({ PORT: 'x', SMTP_URL_FILE: at('missing') }), ['PORT', 'SMTP_URL_FILE'])
})

t.test('a URL whose percent signs encode nothing is refused', async (t) => {
  const tails = ['%', '%z', '%zz', '%2', '%ff', '%c3%28', 'a%'].map((tail) => [tail, tail] as const)
  await everyRowIs(
    t,
    tails,
    [['DATABASE_URL'], ['REDIS_URL']],
    (tail) => [
      refused({ DATABASE_URL: `postgresql://u:${tail}@h/d` }),
      refused({ REDIS_URL: `redis://u:${tail}@h` }),
    ],
    'both',
  )
  t.strictSame(
    refused({ DATABASE_URL: 'postgresql://u:%25%c3%a4@h/d', REDIS_URL: 'redis://:%25@h' }),
    [],
  )
})

t.test('each accepted proxy is one that the server can use', async (t) => {
  const networks = [
    '10.0.0.1',
    '10.0.0.0/8',
    '0.0.0.0/1',
    '10.0.0.0/032',
    '::1',
    '::/1',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
    '::ffff:10.0.0.0/104',
    'fc00::/7',
    '2001:db8::/128',
    '0.0.0.0/0',
    '::/0',
    '0.0.0.0/00',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/-1',
    '10.0.0.0/8.0',
    '10.0.0.0/255.0.0.0',
    'loopback',
    'example.org',
    '1',
  ]
  const accepted = networks.filter((network) => refused({ TRUST_PROXY: network }).length === 0)
  t.ok(accepted.includes('10.0.0.0/8') && accepted.includes('fc00::/7'))
  t.strictSame(
    accepted.filter((network) => /\/0+$|^[a-z1]+$/.test(network)),
    [],
  )
  for (const network of accepted) t.doesNotThrow(() => fastify({ trustProxy: [network] }), network)
})
