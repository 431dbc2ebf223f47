import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { isOpenToOthers, loadKeyFile, readKeyFile } from '../../src/keys/key-file.js'
import { KeyRingError } from '../../src/keys/signing-key.js'
import { makeJwk, thumbprint } from '../support/forge.js'

const { chmod, lstat, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } = fs
const now = Date.now()
const clock = () => now
const iat = Math.floor(now / 1000)
const failure = async (loading: Promise<unknown>) =>
  await loading.then(
    () => null,
    (error: unknown) => error,
  )
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

t.test('the first start makes the file, later ones only read it', async (t) => {
  const path = join(t.testdir(), 'new/folder/keys.json')
  const made = await loadKeyFile(path, clock)
  t.match(made, [{ alg: 'ES256', createdAt: iat }])
  t.equal(made.length, 1)
  t.equal(await mode(path), '600')
  t.equal(await mode(dirname(path)), '700')
  t.strictSame(await readdir(dirname(path)), ['keys.json'], 'no draft stays behind')
  const text = await readFile(path, 'utf8')
  t.match(JSON.parse(text), { keys: [{ kid: made[0]?.kid, iat, use: 'sig', d: String }] })

  await utimes(path, 0, 0)
  t.strictSame(await loadKeyFile(path, () => now + 86_400_000), made)
  t.equal(await readFile(path, 'utf8'), text)
  t.equal((await stat(path)).mtimeMs, 0, 'it was not written')
})

t.test('ten first starts at once end with one key', async (t) => {
  const path = join(t.testdir(), 'data/keys.json')
  const rings = await Promise.all(
    Array.from({ length: 10 }, async () => await loadKeyFile(path, clock)),
  )
  for (const keys of rings) t.strictSame(keys, rings[0])
  t.strictSame(await loadKeyFile(path, clock), rings[0])
  t.strictSame(await readdir(dirname(path)), ['keys.json'])
})

t.test('a file that is there is used as it is, through links too', async (t) => {
  const folder = t.testdir({
    'keys.json': JSON.stringify({ keys: [makeJwk('EdDSA')] }),
    'link.json': t.fixture('symlink', 'keys.json'),
  })
  const before = await readFile(join(folder, 'keys.json'), 'utf8')
  for (const name of ['keys.json', 'link.json']) {
    t.match(await loadKeyFile(join(folder, name), clock), [
      { alg: 'EdDSA', createdAt: 0, kid: thumbprint(JSON.parse(before).keys[0]) },
    ])
  }
  t.equal(await readFile(join(folder, 'keys.json'), 'utf8'), before)
})

t.test('what cannot be used is refused and left alone', async (t) => {
  const rows: Array<[string, string, RegExp]> = [
    ['empty', '', /is not JSON/],
    ['cut short', '{"keys":[{"kty":"EC"', /is not JSON/],
    ['no keys', '{"keys":[]}', /has no keys/],
    ['a shared secret', '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}', /shared secret/],
  ]
  for (const [name, text, message] of rows) {
    const path = join(t.testdir(), 'keys.json')
    await writeFile(path, text, { mode: 0o640 })
    const error = await failure(loadKeyFile(path, clock))
    t.ok(
      error instanceof KeyRingError && message.test(error.message) && error.message.includes(path),
      `${name}: ${String(error)}`,
    )
    t.equal(await readFile(path, 'utf8'), text, name)
    t.equal(await mode(path), '640', name)
    t.strictSame(await readdir(dirname(path)), ['keys.json'], name)
  }
})

t.test('places where no file can be read or made', async (t) => {
  const folder = t.testdir({ file: 'text', full: {} })
  await symlink(join(folder, 'nowhere/keys.json'), join(folder, 'dangling.json'))
  await symlink('loop.json', join(folder, 'loop.json'))
  const rows: Array<[string, RegExp]> = [
    ['full', /cannot be read \(EISDIR\)/],
    ['file/keys.json', /cannot be read \(ENOTDIR\)/],
    ['loop.json', /cannot be read \(ELOOP\)/],
    ['dangling.json', /cannot be created \(ENOENT\)/],
    [`${'long'.repeat(80)}.json`, /cannot be read \(ENAMETOOLONG\)/],
  ]
  for (const [name, message] of rows) {
    const error = await failure(loadKeyFile(join(folder, name), clock))
    t.ok(error instanceof KeyRingError && message.test(error.message), `${name}: ${String(error)}`)
  }
  t.strictSame(
    (await readdir(folder)).sort(),
    ['dangling.json', 'file', 'full', 'loop.json'],
    'nothing was made',
  )
  t.ok((await lstat(join(folder, 'dangling.json'))).isSymbolicLink())
  t.equal(await readFile(join(folder, 'file'), 'utf8'), 'text')
})

const refusing = (code: string) => async () => {
  throw Object.assign(new Error(code), { code })
}

t.test('files that the system keeps from us', async (t) => {
  const path = join(t.testdir({ 'keys.json': 'kept' }), 'keys.json')
  for (const [name, method, message] of [
    ['read', { readFile: refusing('EACCES') }, /cannot be read \(EACCES\)/],
    [
      'folder',
      { readFile: refusing('ENOENT'), mkdir: refusing('EACCES') },
      /cannot be created \(EACCES\)/,
    ],
    [
      'no links and no copies',
      { readFile: refusing('ENOENT'), link: refusing('EPERM'), copyFile: refusing('ENOSPC') },
      /cannot be created \(ENOSPC\)/,
    ],
    [
      'disk',
      { readFile: refusing('ENOENT'), writeFile: refusing('ENOSPC') },
      /cannot be created \(ENOSPC\)/,
    ],
  ] as const) {
    const { loadKeyFile } = await t.mockImport<typeof import('../../src/keys/key-file.js')>(
      '../../src/keys/key-file.js',
      { 'node:fs/promises': { ...fs, ...method } },
    )
    const error = await failure(loadKeyFile(path, clock))
    t.match(error, { name: 'KeyRingError', message }, name)
  }
  t.equal(await readFile(path, 'utf8'), 'kept')
})

t.test(
  'where the file system has no links, the file is copied, and the first of two still wins',
  async (t) => {
    const { loadKeyFile } = await t.mockImport<typeof import('../../src/keys/key-file.js')>(
      '../../src/keys/key-file.js',
      { 'node:fs/promises': { ...fs, link: refusing('EPERM') } },
    )
    const path = join(t.testdir(), 'keys.json')
    const made = await loadKeyFile(path, clock)
    t.match(made, [{ alg: 'ES256', createdAt: iat }])
    t.equal(await mode(path), '600')
    t.strictSame(await readdir(dirname(path)), ['keys.json'])

    // Another process makes its file between our look and our copy.
    const late = join(t.testdir(), 'late.json')
    const theirs = JSON.stringify({ keys: [makeJwk('EdDSA')] })
    const race = await t.mockImport<typeof import('../../src/keys/key-file.js')>(
      '../../src/keys/key-file.js',
      {
        'node:fs/promises': {
          ...fs,
          link: refusing('EPERM'),
          mkdir: async (...args: Parameters<typeof mkdir>) => {
            await mkdir(...args)
            await writeFile(late, theirs)
          },
        },
      },
    )
    t.match(await race.loadKeyFile(late, clock), [{ alg: 'EdDSA' }])
    t.equal(await readFile(late, 'utf8'), theirs)
  },
)

t.test('a key file of Windows: a byte order mark is ignored, UTF-16 is refused', async (t) => {
  const folder = t.testdir()
  const [key] = await loadKeyFile(join(folder, 'keys.json'), clock)
  const text = await readFile(join(folder, 'keys.json'), 'utf8')
  await writeFile(join(folder, 'mark.json'), `\ufeff${text}`)
  t.match(await readKeyFile(join(folder, 'mark.json')), [{ kid: key?.kid }])
  await writeFile(join(folder, 'utf16.json'), Buffer.from(`\ufeff${text}`, 'utf16le'))
  await t.rejects(readKeyFile(join(folder, 'utf16.json')), {
    name: 'KeyRingError',
    message: /utf16\.json is not UTF-8 text\. /,
  })
})

t.test('a key file that others may read or write', async (t) => {
  const path = join(t.testdir({ 'keys.json': '' }), 'keys.json')
  const other = { userId: (process.getuid?.() ?? 0) + 1 }
  for (const [mode, ours, theirs] of [
    [0o600, false, false],
    [0o400, false, false],
    [0o640, true, false],
    [0o440, true, false],
    [0o604, true, true],
    [0o620, true, false],
    [0o666, true, true],
  ] as const) {
    await chmod(path, mode)
    t.equal(await isOpenToOthers(path), ours, `ours ${mode.toString(8)}`)
    t.equal(await isOpenToOthers(path, other), theirs, `of another user ${mode.toString(8)}`)
    t.equal(await isOpenToOthers(path, { platform: 'win32' }), false)
  }
  t.equal(await isOpenToOthers(join(path, 'nowhere')), false)
  await t.rejects(readKeyFile(join(dirname(path), 'nowhere.json')), {
    name: 'KeyRingError',
    message: /nowhere\.json does not exist/,
  })
})
