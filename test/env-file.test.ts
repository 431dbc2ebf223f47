import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadEnvFile } from '../src/env-file.js'
import { type Case, tableIs } from './support/table.js'

type Env = Record<string, string | undefined>

const utf16 = (text: string) =>
  Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')])

const bigEndian = utf16('PORT=1').swap16()

/** The environment after a file with this content, or the message of its refusal. */
function load(folder: string, content: string | Buffer, env: Env = {}): Env | string {
  const path = join(folder, '.env')
  writeFileSync(path, content)
  try {
    loadEnvFile(path, env)
    return env
  } catch (error) {
    t.equal((error as Error).name, 'ConfigError')
    return (error as Error).message.replace(path, '.env')
  }
}

t.test('.env is UTF-8 text, with or without a byte order mark', async (t) => {
  const folder = t.testdir()
  const notText =
    '.env is not UTF-8 text. Save it as UTF-8; Windows PowerShell writes UTF-16 with ">".'
  const rows: Array<Case<string | Buffer, Env | string>> = [
    ['plain', 'PORT=1\nMAIL_FROM=Zoë <a@b.c>\n', { PORT: '1', MAIL_FROM: 'Zoë <a@b.c>' }],
    ['a byte order mark', '\ufeffPORT=1\nHOST=::1', { PORT: '1', HOST: '::1' }],
    ['only a byte order mark', '\ufeff', {}],
    ['empty', '', {}],
    ['lines of Windows', 'PORT=1\r\nHOST=::1\r\n', { PORT: '1', HOST: '::1' }],
    ['export', 'export PORT=1', { PORT: '1' }],
    [
      'several lines',
      'KEYS=\'{\n  "keys": []\n}\'\nPORT=1',
      { KEYS: '{\n  "keys": []\n}', PORT: '1' },
    ],
    ['other names', 'my_own: 1\nOTHER: 2\n', {}],
    ['UTF-16', utf16('PORT=1\n'), notText],
    ['UTF-16, big-endian', bigEndian, notText],
    ['UTF-16 without a byte order mark', Buffer.from('PORT=1\n', 'utf16le'), notText],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x50, 0, 0, 0]), notText],
    ['Latin-1', Buffer.from('MAIL_FROM=Zoë <a@b.c>', 'latin1'), notText],
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1]), notText],
    ['a colon', 'HOST=::1\nPORT: 1', 'Line 2 of .env must be PORT=<value>.'],
    ['a space', 'PORT 4000', 'Line 1 of .env must be PORT=<value>.'],
    ['export and a space', 'export PORT 4000', 'Line 1 of .env must be PORT=<value>.'],
    ['no value', 'DATABASE_URL\r\n', 'Line 1 of .env must be DATABASE_URL=<value>.'],
  ]
  await tableIs(t, rows, (content) => load(folder, content), 'what a file gives')
})

t.test('the environment wins over .env, also with an empty value', async (t) => {
  t.strictSame(load(t.testdir(), 'PORT=1\nHOST=::1\nDOCS=off', { PORT: '2', HOST: '' }), {
    PORT: '2',
    HOST: '',
    DOCS: 'off',
  })
})

t.test('a .env that cannot be read is refused, a missing one is not', async (t) => {
  const folder = t.testdir()
  const env: Env = {}
  loadEnvFile(join(folder, '.env'), env)
  t.strictSame(env, {})
  // As Docker creates it for a mount of a file that does not exist.
  mkdirSync(join(folder, '.env'))
  t.throws(
    () => {
      loadEnvFile(join(folder, '.env'), env)
    },
    {
      name: 'ConfigError',
      message: /\.env cannot be read \(EISDIR\)\. Its settings would be missing: /,
    },
  )
})
