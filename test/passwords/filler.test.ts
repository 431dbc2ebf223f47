import argon2 from 'argon2'
import t, { type Test } from 'tap'
import { createHasher } from '../../src/passwords/hash.js'
import { unusableHash } from '../../src/unusable-hash.js'
import { createHashGate } from '../../src/passwords/gate.js'
import { createPasswords } from '../../src/passwords/passwords.js'
import { cheapHash } from '../helper.js'

const cost = { memoryKiB: 4096, passes: 2, lanes: 1 }

/**
 * A hasher on a clock that only hashes move: as many milliseconds as MiB times passes are
 * hashed; `took` tells what a comparison takes.
 */
async function measured(t: Test) {
  const clock = { now: 0 }
  const workOf = ([memory, passes]: [number, number]) => (memory * passes) / 1024
  const { hash, verify } = argon2
  t.intercept(argon2, 'hash', {
    value: async (password: string, options: { memoryCost: number; timeCost: number }) => {
      clock.now += workOf([options.memoryCost, options.timeCost])
      return await hash(password, options)
    },
  })
  t.intercept(argon2, 'verify', {
    value: async (digest: string, password: string) => {
      const [, memory, passes] = /m=(\d+),t=(\d+)/.exec(digest) ?? []
      clock.now += workOf([Number(memory), Number(passes)])
      return await verify(digest, password)
    },
  })
  const hasher = await createHasher(
    cost,
    () => {},
    () => clock.now,
  )
  const took = async (password: string, stored: string | null) => {
    const begin = clock.now
    return { isRight: await hasher.matches(password, stored), milliseconds: clock.now - begin }
  }
  return { took }
}

const storedAt = async (memoryCost: number, timeCost: number, type: 0 | 1 | 2 = argon2.argon2id) =>
  await argon2.hash('right', { memoryCost, timeCost, parallelism: 1, type })

t.test(
  'a wrong password takes the work of an unknown address, whatever cheaper hash is stored',
  async (t) => {
    const stored = await Promise.all([
      storedAt(4096, 2),
      storedAt(1024, 2),
      storedAt(4096, 1),
      storedAt(64, 1),
      storedAt(2048, 2, argon2.argon2i),
      storedAt(3000, 2),
    ])
    const { took } = await measured(t)
    const unknown = (await took('wrong', null)).milliseconds
    t.equal(unknown, 8)
    const others = [
      unusableHash(),
      'unreadable',
      '$2b$04$CCCCCCCCCCCCCCCCCCCCC.mwrsLq6gtszNEQrpvY85c8XKy5rgdwW',
      '$pbkdf2-sha256$i=1000$YUJjRGVGZ0g$gBMJWL+y3cSjotENjIl6ztC/6r8LO9jhdRTdHvsM7jk',
    ]
    for (const hash of [...stored, ...others]) {
      const { isRight, milliseconds } = await took('wrong', hash)
      t.equal(isRight, false)
      t.ok(Math.abs(milliseconds - unknown) <= 0.15, `${milliseconds} for ${hash.slice(0, 32)}`)
    }
    t.strictSame(
      await took('right', stored[1]),
      { isRight: true, milliseconds: 2 },
      'a right password needs no cover',
    )
  },
)

t.test('a dearer hash takes longer, and nothing is added to it', async (t) => {
  const dearer = await storedAt(8192, 3)
  const { took } = await measured(t)
  t.strictSame(await took('wrong', dearer), { isRight: false, milliseconds: 24 })
})

t.test('a password that NFKC changes is compared twice for an unknown address, too', async (t) => {
  const verifications = t.capture(argon2, 'verify', argon2.verify)
  const gate = createHashGate({ concurrency: 1, queueMilliseconds: 60_000, now: Date.now })
  const passwords = await createPasswords({
    cost: cheapHash,
    minLength: 8,
    estimate: async () => ({ score: 4, advice: [] }),
    gate,
  })
  const known = await passwords.hashNew(
    'brass-lantern',
    { email: 'ada@example.org' },
    { network: '' },
  )
  for (const [typed, count] of [
    ['wrong', 1],
    ['wro\ufb01ng', 2],
  ] as const) {
    for (const hash of [known, null, unusableHash()]) {
      t.equal(
        await passwords.withHashSlot(null, async ({ matches }) => await matches(typed, hash)),
        false,
      )
      t.equal(verifications().length, count, `${typed}, ${hash?.slice(0, 10)}`)
    }
  }
})

t.test('an unusable hash is never the same, and no password matches it', async (t) => {
  const hashes = Array.from({ length: 100 }, unusableHash)
  t.equal(new Set(hashes).size, 100)
  const seen = { unreadable: 0 }
  const { matches } = await createHasher(cheapHash, () => {
    seen.unreadable++
  })
  const [one = ''] = hashes
  t.match(one, /^![\w-]{22}$/)
  for (const password of ['', '!', one, one.slice(1), 'right'])
    t.equal(await matches(password, one), false)
  t.equal(seen.unreadable, 0, 'it is not a fault')
})
