import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type ChangeTimes,
  planPruning,
  planRevocation,
  planRotation,
} from '../../src/keys/key-changes.js'
import { changeKeyFile } from '../../src/keys/key-edit.js'
import { KeyRingError, type SigningKey } from '../../src/keys/signing-key.js'
import { makeJwk, thumbprint } from '../support/forge.js'

const { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } = fs
const when: ChangeTimes = { now: 9000, times: { publishSeconds: 1200, longestTokenSeconds: 2000 } }
const rotation = async (keys: SigningKey[]) => await planRotation(keys, when)
const failure = async (change: Promise<unknown>) =>
  await change.then(
    () => null,
    (error: unknown) => error,
  )
const kidsOf = async (path: string) =>
  (JSON.parse(await readFile(path, 'utf8')) as { keys: Array<{ kid?: string }> }).keys.map(
    ({ kid }) => kid,
  )
type KeyEdit = typeof import('../../src/keys/key-edit.js')
const withFiles = async (t: Test, methods: object) =>
  await t.mockImport<KeyEdit>('../../src/keys/key-edit.js', {
    'node:fs/promises': { ...fs, ...methods },
  })

/** Asserts that a change fails with a message for people and leaves everything as it was. */
async function refuses(
  t: Test,
  path: string,
  change: () => Promise<unknown>,
  message: RegExp,
  what: string,
) {
  const before = [
    await readFile(path, 'utf8'),
    (await stat(path)).ino,
    await readdir(dirname(path)),
  ]
  const error = await failure(change())
  t.ok(
    error instanceof Error && error.name === 'KeyRingError' && message.test(error.message),
    `${what}: ${String(error)}`,
  )
  t.strictSame(
    [await readFile(path, 'utf8'), (await stat(path)).ino, await readdir(dirname(path))],
    before,
    `${what}: nothing changed, no draft, no lock`,
  )
}

t.test('adds and removes, and keeps what it does not know', async (t) => {
  const [old, other] = [
    { ...makeJwk('ES256'), iat: 8000, note: 'from the vault', x5c: ['…'] },
    { ...makeJwk('EdDSA'), iat: 8001 },
  ]
  const path = join(
    t.testdir({ 'keys.json': JSON.stringify({ about: { team: 'a' }, keys: [old, other] }) }),
    'keys.json',
  )
  await chmod(path, 0o640)
  const { before, after } = await changeKeyFile(path, rotation)
  t.strictSame(
    before.map(({ kid }) => kid),
    [old, other].map(thumbprint),
  )
  t.equal(after.length, 3)
  const written = JSON.parse(await readFile(path, 'utf8'))
  t.match(written, {
    about: { team: 'a' },
    keys: [old, other, { kid: after[2]?.kid, alg: 'ES256', iat: 9000, use: 'sig', d: String }],
  })
  t.strictSame(written.keys.slice(0, 2), [old, other], 'each member of each key')
  t.equal((await stat(path)).mode & 0o777, 0o640, 'the mode stays')

  await changeKeyFile(path, async (keys) => await planRevocation(keys, thumbprint(other), when))
  t.strictSame(
    JSON.parse(await readFile(path, 'utf8')),
    { about: { team: 'a' }, keys: [old, written.keys[2]] },
    'a key without a kid in the file is found by its thumbprint',
  )
  t.strictSame(await readdir(dirname(path)), ['keys.json'])
})

t.test('nothing to change: nothing is written', async (t) => {
  const path = join(
    t.testdir({ 'keys.json': JSON.stringify({ keys: [makeJwk('ES256')] }) }),
    'keys.json',
  )
  const { ino } = await stat(path)
  const { before, after } = await changeKeyFile(path, (keys) => planPruning(keys, when))
  t.strictSame(after, before)
  t.equal((await stat(path)).ino, ino)
})

t.test('through symbolic links the file itself is changed, under one lock', async (t) => {
  const folder = t.testdir({ real: { 'keys.json': JSON.stringify({ keys: [makeJwk('ES256')] }) } })
  await symlink('real/keys.json', join(folder, 'link.json'))
  await changeKeyFile(join(folder, 'link.json'), rotation)
  t.equal((await kidsOf(join(folder, 'real/keys.json'))).length, 2)
  t.ok((await fs.lstat(join(folder, 'link.json'))).isSymbolicLink())
  await writeFile(join(folder, 'real/keys.json.lock'), '')
  t.match(
    await failure(changeKeyFile(join(folder, 'link.json'), rotation, { timeoutMilliseconds: 0 })),
    { message: /real\/keys\.json\.lock/ },
  )
})

t.test('twenty rotations and ten revocations at once: none is lost', async (t) => {
  const doomed = Array.from({ length: 10 }, (_, index) => ({
    ...makeJwk('EdDSA'),
    iat: 8000 + index,
  }))
  const path = join(t.testdir({ 'keys.json': JSON.stringify({ keys: doomed }) }), 'keys.json')
  const patient = { timeoutMilliseconds: 100_000 }
  const rotations = Array.from(
    { length: 20 },
    async () => await changeKeyFile(path, rotation, patient),
  )
  const revocations = doomed.map(
    async (jwk) =>
      await changeKeyFile(
        path,
        async (keys) => await planRevocation(keys, thumbprint(jwk), when),
        patient,
      ),
  )
  const made = (await Promise.all(rotations)).map(({ after }) => after.at(-1)?.kid)
  await Promise.all(revocations)
  const kids = await kidsOf(path)
  for (const kid of made) t.ok(kids.includes(kid), 'a rotation survives')
  for (const jwk of doomed) t.notOk(kids.includes(thumbprint(jwk)), 'a revoked key is gone')
  const { before } = await changeKeyFile(path, (keys) => planPruning(keys, { ...when, now: 0 }))
  t.equal(
    new Set(before.map(({ createdAt }) => createdAt)).size,
    before.length,
    'each is newer than the last',
  )
  t.strictSame(await readdir(dirname(path)), ['keys.json'])
})

t.test('a missing file is not created', async (t) => {
  const path = join(t.testdir(), 'new/keys.json')
  t.match(await failure(changeKeyFile(path, rotation)), {
    name: 'KeyRingError',
    message: /new\/keys\.json does not exist\.$/,
  })
  t.strictSame(await readdir(dirname(dirname(path))), [])
})

const refusing = (code: string) => async () => {
  throw Object.assign(new Error(code), { code })
}

t.test('what cannot be done leaves the file as it was', async (t) => {
  const path = join(
    t.testdir({ 'keys.json': JSON.stringify({ keys: [makeJwk('ES256')] }) }),
    'keys.json',
  )
  const open = (methods: object) => ({
    open: async (...args: Parameters<typeof fs.open>) =>
      Object.assign(await fs.open(...args), methods),
  })
  for (const [what, methods, message] of [
    ['a full disk', open({ writeFile: refusing('ENOSPC') }), /cannot be changed \(ENOSPC\)/],
    [
      'a full disk that says so late',
      open({ sync: refusing('ENOSPC') }),
      /cannot be changed \(ENOSPC\)/,
    ],
    ['no drafts', { open: refusing('EROFS') }, /cannot be changed \(EROFS\)/],
    ['a mounted file', { rename: refusing('EBUSY') }, /cannot be changed \(EBUSY\)/],
    [
      'a file that is gone meanwhile',
      { realpath: refusing('ENOENT') },
      /cannot be changed \(ENOENT\)/,
    ],
    [
      'the file of another user',
      open({ stat: async () => ({ uid: 12, gid: 34 }), chown: refusing('EPERM') }),
      /belongs to user \d+, group \d+\. Run this command as that user/,
    ],
  ] as Array<[string, object, RegExp]>) {
    const { changeKeyFile } = await withFiles(t, methods)
    await refuses(t, path, async () => await changeKeyFile(path, rotation), message, what)
  }
  await refuses(
    t,
    path,
    async () =>
      await changeKeyFile(path, async () => ({ remove: [], add: [{ kty: 'oct', k: 'c2VjcmV0' }] })),
    /Key 2 .* is a shared secret/,
    'a result that is no good',
  )
  await refuses(
    t,
    path,
    async () =>
      await changeKeyFile(path, async (keys) => ({ remove: keys.map(({ kid }) => kid), add: [] })),
    /has no keys/,
    'a result without keys',
  )
  await writeFile(`${path}.lock`, '')
  await refuses(
    t,
    path,
    async () => await changeKeyFile(path, rotation, { timeoutMilliseconds: 0 }),
    /Another command.*keys\.json\.lock/,
    'a lock that stays',
  )
  await fs.unlink(`${path}.lock`)
  await t.rejects(
    changeKeyFile(path, async () => {
      throw new TypeError('ours')
    }),
    new TypeError('ours'),
    'a fault of ours stays one',
  )
  await writeFile(path, '{"keys": [')
  await refuses(
    t,
    path,
    async () => await changeKeyFile(path, rotation),
    /is not JSON/,
    'a damaged file',
  )
})

t.test('owner and group stay, and no folder that cannot be synced is in the way', async (t) => {
  const path = join(
    t.testdir({ 'keys.json': JSON.stringify({ keys: [makeJwk('ES256')] }) }),
    'keys.json',
  )
  const { uid, gid } = await stat(path)
  const chowned: unknown[] = []
  const { changeKeyFile } = await withFiles(t, {
    open: async (path: string, ...rest: unknown[]) => {
      if (rest.length === 0) throw new Error('a folder')
      return Object.assign(
        await (fs.open as (...args: unknown[]) => Promise<fs.FileHandle>)(path, ...rest),
        {
          stat: async () => ({ uid, gid: gid + 1 }),
          chown: async (...ids: unknown[]) => {
            chowned.push(ids)
          },
        },
      )
    },
  })
  await changeKeyFile(path, rotation)
  t.strictSame(chowned, [[uid, gid]])
  t.equal((await kidsOf(path)).length, 2)
})

t.test('a folder that cannot be written to', async (t) => {
  const folder = t.testdir({ 'keys.json': JSON.stringify({ keys: [makeJwk('ES256')] }) })
  const path = join(folder, 'keys.json')
  // What a read-only folder says; the user that runs the tests may be above modes.
  const edit = await t.mockImport<KeyEdit>('../../src/keys/key-edit.js', {
    '../../src/keys/lock.js': { withLock: refusing('EACCES') },
  })
  await refuses(
    t,
    path,
    async () => await edit.changeKeyFile(path, rotation),
    /cannot be changed \(EACCES\)/,
    'read-only',
  )
  // A folder in the place of the lock is a lock that stays, too.
  await mkdir(`${path}.lock`)
  await refuses(
    t,
    path,
    async () => await changeKeyFile(path, rotation, { timeoutMilliseconds: 30 }),
    /Another command/,
    'a folder',
  )
  t.ok(
    (await failure(changeKeyFile(path, rotation, { timeoutMilliseconds: 0 }))) instanceof
      KeyRingError,
  )
})
