import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { withLock } from '../../src/keys/lock.js'

const { existsSync, readdirSync } = fs
const busy = () => new Error('busy')
const listeners = () =>
  ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal))

t.test('one at a time, and the lock is gone in any case', async (t) => {
  const folder = t.testdir()
  const lock = join(folder, 'lock')
  const before = listeners()
  let inside = 0
  const work = async () => {
    t.equal(++inside, 1)
    t.ok(existsSync(lock))
    t.strictSame(
      listeners(),
      before.map((count) => count + 1),
      'a signal does not end the process now',
    )
    process.emit('SIGTERM')
    await new Promise((resolve) => setImmediate(resolve))
    inside--
    return 'done'
  }
  t.strictSame(
    await Promise.all(
      Array.from({ length: 15 }, async () => await withLock(lock, 100_000, busy, work)),
    ),
    Array(15).fill('done'),
  )
  await t.rejects(
    withLock(lock, 0, busy, async () => {
      throw new Error('ours')
    }),
    { message: 'ours' },
  )
  t.strictSame(readdirSync(folder), [])
  t.strictSame(listeners(), before)
})

t.test('a lock of another one stays', async (t) => {
  const lock = join(t.testdir({ lock: 'theirs' }), 'lock')
  const before = listeners()
  await t.rejects(
    withLock(lock, 30, busy, async () => {
      t.fail('it is taken')
    }),
    { message: 'busy' },
  )
  t.equal(fs.readFileSync(lock, 'utf8'), 'theirs')
  await t.rejects(
    withLock(join(lock, 'x'), 30, busy, async () => {}),
    { code: 'ENOTDIR' },
    'where none can be made, the system says why',
  )
  t.strictSame(listeners(), before)
})
