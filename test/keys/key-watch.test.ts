import { once } from 'node:events'
import * as fs from 'node:fs'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readKeyFile } from '../../src/keys/key-file.js'
import { watchKeyFile } from '../../src/keys/key-watch.js'
import { KeyRingError, type SigningKey } from '../../src/keys/signing-key.js'
import { makeJwk, thumbprint } from '../support/forge.js'

const text = (...keys: object[]) => JSON.stringify({ keys })
const [a, b, c] = [makeJwk('ES256'), makeJwk('ES256'), makeJwk('EdDSA')].map((jwk, index) => ({
  ...jwk,
  iat: 1000 + index,
})) as [object, object, object]
const kids = (...jwks: object[]) => jwks.map((jwk) => thumbprint(jwk as never))

// A watch lets the process end, and with it the tests.
const alive = setInterval(() => {}, 1000)
t.teardown(() => {
  clearInterval(alive)
})

/** Collects what a watch tells: the kids of changed keys, or the message of a failure. */
function collect() {
  const told: unknown[] = []
  return {
    told,
    changed: (keys: SigningKey[]) => {
      told.push(keys.map(({ kid }) => kid))
    },
    failed: (error: unknown) => {
      told.push(
        error instanceof KeyRingError ? error.message.replace(/.*keys\.json/, 'keys.json') : error,
      )
    },
  }
}

/** Follows a file that holds the key `a`, with a watch that only looks when it is told to. */
async function follow(t: Test) {
  const path = join(t.testdir({ 'keys.json': text(a) }), 'keys.json')
  const news = collect()
  const watch = watchKeyFile(path, await readKeyFile(path), {
    ...news,
    intervalMilliseconds: 100_000,
  })
  t.teardown(watch.stop)
  return {
    path,
    watch,
    told: news.told,
    write: async (text: string) => {
      await writeFile(path, text)
      await watch.reload()
    },
  }
}

t.test('a reload tells other keys, and nothing of the same', async (t) => {
  const { path, watch, told, write } = await follow(t)
  await watch.reload()
  await write(` ${text({ ...a, note: 'means nothing here' })}\n`)
  t.strictSame(told, [])
  await write(text(a, b))
  await write(text(b))
  await write(text({ ...b, iat: 5 }))
  await write(text({ ...b, iat: 5, nbf: 6 }))
  t.strictSame(told, [kids(a, b), kids(b), kids(b), kids(b)])
  await writeFile(`${path}.new`, text(c))
  await rename(`${path}.new`, path)
  await watch.reload()
  t.strictSame(told.at(-1), kids(c))
})

t.test(
  'a file that cannot be used is told each time, nothing is made, and a good one is picked up again',
  async (t) => {
    const { path, watch, told, write } = await follow(t)
    const damaged: Array<[string, RegExp]> = [
      ['', /^keys.json is not JSON/],
      ['{"keys":[{', /^keys.json is not JSON/],
      [text(), /^keys.json has no keys/],
      [text({ kty: 'oct', k: 'c2VjcmV0' }), /shared secret/],
      [text(a, a), /the same key twice/],
    ]
    for (const [content, message] of damaged) {
      await write(content)
      t.match(told.at(-1), message)
      t.notMatch(told.at(-1), /c2VjcmV0/)
    }
    await watch.reload()
    t.equal(told.length, damaged.length + 1, 'whoever asks gets an answer')
    await rm(path)
    await watch.reload()
    t.equal(told.at(-1), 'keys.json does not exist.')
    t.notOk(fs.existsSync(path))
    await write(text(a))
    t.strictSame(told.at(-1), kids(a), 'that the same keys can be used again is news')
    const { length } = told
    await watch.reload()
    t.equal(told.length, length)
  },
)

t.test('what is read last is what counts, and after the end nothing is told', async (t) => {
  const reads: Array<{ resolve: (keys: SigningKey[]) => void; reject: (error: Error) => void }> = []
  const { watchKeyFile: watchSlowFile } = await t.mockImport<
    typeof import('../../src/keys/key-watch.js')
  >('../../src/keys/key-watch.js', {
    'node:fs': { ...fs, watchFile: () => {} },
    '../../src/keys/key-file.js': {
      readKeyFile: async () =>
        await new Promise((resolve, reject) => {
          reads.push({ resolve, reject })
        }),
    },
  })
  const [one, two] = ['one', 'two'].map((kid) => [{ kid } as SigningKey]) as [
    SigningKey[],
    SigningKey[],
  ]
  const settle = async () => {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { told, ...deps } = collect()
  const watch = watchSlowFile('nowhere', one, { ...deps, intervalMilliseconds: 100_000 })
  const both = [watch.reload(), watch.reload()]
  await settle()
  t.equal(reads.length, 1, 'the second waits for the first')
  reads[0]?.resolve(two)
  await settle()
  reads[1]?.resolve(one)
  await Promise.all(both)
  t.strictSame(told, [['two'], ['one']])

  const late = [watch.reload(), watch.reload()]
  await settle()
  watch.stop()
  reads[2]?.resolve(two)
  await settle()
  reads[3]?.reject(new Error('late'))
  await Promise.all(late)
  t.equal(told.length, 2)
})

t.test(
  'the watch sees a file that is replaced, swapped behind a link, gone and back',
  async (t) => {
    const folder = t.testdir({ one: { 'keys.json': text(a) }, two: { 'keys.json': text(a, b) } })
    const path = join(folder, 'data/keys.json')
    await symlink('one', join(folder, 'data'))
    const seen = new EventTarget()
    const { told, ...deps } = collect()
    const tell =
      <T>(telling: (what: T) => void) =>
      (what: T) => {
        telling(what)
        seen.dispatchEvent(new Event('told'))
      }
    const watch = watchKeyFile(path, await readKeyFile(path), {
      changed: tell(deps.changed),
      failed: tell(deps.failed),
      intervalMilliseconds: 20,
    })
    t.teardown(watch.stop)
    const after = async (change: () => Promise<void>) => {
      const next = once(seen, 'told')
      await change()
      await next
      return told.at(-1)
    }
    t.strictSame(
      await after(async () => {
        await writeFile(`${path}.new`, text(a, c))
        await rename(`${path}.new`, path)
      }),
      kids(a, c),
    )
    t.strictSame(
      await after(async () => {
        await symlink('two', join(folder, 'next'))
        await rename(join(folder, 'next'), join(folder, 'data'))
      }),
      kids(a, b),
    )
    t.equal(
      await after(async () => {
        await rm(path)
      }),
      'keys.json does not exist.',
    )
    t.strictSame(
      await after(async () => {
        await writeFile(path, text(b))
      }),
      kids(b),
    )
  },
)

t.test('what changed between the start and the first look is seen, and once', async (t) => {
  let onChange = async () => {}
  const unwatched: unknown[] = []
  const { watchKeyFile: watchBlindly } = await t.mockImport<
    typeof import('../../src/keys/key-watch.js')
  >('../../src/keys/key-watch.js', {
    'node:fs': {
      ...fs,
      watchFile: (path: string, options: object, listener: () => Promise<void>) => {
        t.strictSame([path, options], ['keys.json', { interval: 5, persistent: false }])
        onChange = listener
      },
      unwatchFile: (...args: unknown[]) => {
        unwatched.push(args)
      },
    },
    '../../src/keys/key-file.js': { readKeyFile: async () => [{ kid: 'new' }] },
  })
  const news = new EventTarget()
  const watch = watchBlindly('keys.json', [{ kid: 'old' } as SigningKey], {
    changed: () => {
      news.dispatchEvent(new Event('changed'))
    },
    failed: () => {
      t.fail('it can be read')
    },
    intervalMilliseconds: 5,
  })
  await once(news, 'changed')
  await onChange()
  watch.stop()
  t.strictSame(unwatched, [['keys.json', onChange]])
})
