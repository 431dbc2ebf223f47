import argon2 from 'argon2'
import t, { type Test } from 'tap'
import { createHasher, type HashCost } from '../../src/passwords/hash.js'
import { cheapHash } from '../helper.js'

/** A hasher that counts how often it is told of an unreadable hash. */
async function hasherFor(cost: HashCost = cheapHash) {
  const seen = { unreadable: 0 }
  return {
    ...(await createHasher(cost, () => {
      seen.unreadable++
    })),
    seen,
  }
}

const key = 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'

t.test(
  'a hash is argon2id with exactly the cost that is set, a salt of 16 bytes and a tag of 32',
  async (t) => {
    for (const cost of [cheapHash, { memoryKiB: 2048, passes: 3, lanes: 2 }]) {
      const { hash, matches, isWeak, seen } = await hasherFor(cost)
      const hashes = await Promise.all([hash('one'), hash('one'), hash('')])
      for (const made of hashes) {
        const [empty, kind, version, parameters, salt = '', tag = '', ...rest] = made.split('$')
        t.strictSame(
          [empty, kind, version, parameters, rest],
          ['', 'argon2id', 'v=19', `m=${cost.memoryKiB},t=${cost.passes},p=${cost.lanes}`, []],
        )
        t.strictSame(
          [Buffer.from(salt, 'base64').length, Buffer.from(tag, 'base64').length],
          [16, 32],
        )
        t.equal(isWeak(made), false)
      }
      t.equal(new Set(hashes.flatMap((made) => made.split('$').slice(4))).size, 6, 'no salt twice')
      t.strictSame(
        await Promise.all([
          matches('one', hashes[0]),
          matches('one', hashes[1]),
          matches('', hashes[2]),
          matches('', hashes[0]),
          matches('One', hashes[0]),
        ]),
        [true, true, true, false, false],
      )
      t.equal(seen.unreadable, 0)
    }
  },
)

t.test('hashes made by the reference implementation of argon2 (its test vectors)', async (t) => {
  const { matches, seen } = await hasherFor()
  const rows: Array<[password: string, hash: string]> = [
    ['password', `$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$${key}`],
    [
      'password',
      '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    ],
    [
      'password',
      '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ=$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4=',
    ],
    [
      'password',
      '$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc',
    ],
    [
      'password',
      '$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg',
    ],
    [
      'differentpassword',
      '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94',
    ],
    [
      'password',
      '$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw',
    ],
    [
      'password',
      '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA',
    ],
  ]
  for (const [password, hash] of rows) {
    t.equal(await matches(password, hash), true, hash)
    t.equal(await matches(`${password}\0`, hash), false)
  }
  t.equal(seen.unreadable, 0)
})

t.test(
  'an unknown or damaged hash is false after the same work, and is reported once',
  async (t) => {
    const { matches, seen } = await hasherFor()
    const salt = 'c29tZXNhbHQ'
    const rows = [
      '',
      ' ',
      'password',
      '$',
      '$argon2id$',
      'undefined',
      '$2b$99$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
      '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$',
      `$argon2id$v=16$m=65536,t=2,p=1$${salt}$${key}`,
      `$argon2id$m=65536,t=2,p=1$${salt}$${key}`,
      `$argon2x$v=19$m=65536,t=2,p=1$${salt}$${key}`,
      ` $argon2id$v=19$m=65536,t=2,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=65536,t=2,p=1$${salt}$${key}\n`,
      // Less than argon2 can do (RFC 9106 §3.1), and more than a machine has.
      `$argon2id$v=19$m=7,t=2,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=0,t=2,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=15,t=2,p=2$${salt}$${key}`,
      `$argon2id$v=19$m=1024,t=0,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=1024,t=2,p=0$${salt}$${key}`,
      `$argon2id$v=19$m=99999999,t=1,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=1024,t=99999,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=-1,t=2,p=1$${salt}$${key}`,
      `$argon2id$v=19$t=2,m=1024,p=1$${salt}$${key}`,
      `$argon2id$v=19$m=1024,t=2,p=1,data=AAAA$${salt}$${key}`,
      `$argon2id$v=19$m=1024,t=2,p=1$short$${key}`,
      `$argon2id$v=19$m=1024,t=2,p=1$${salt}$`,
      `$argon2id$v=19$m=1024,t=2,p=1$${salt}`,
      `$argon2id$v=19$m=1024,t=2,p=1$${salt}$!!${key}`,
    ]
    const verifications = t.capture(argon2, 'verify', argon2.verify)
    for (const [index, stored] of rows.entries()) {
      t.equal(await matches('password', stored), false, stored)
      t.equal(seen.unreadable, index + 1)
      t.strictSame(
        verifications().map(({ args: [digest, password] }) => [digest.slice(0, 29), password]),
        [['$argon2id$v=19$m=1024,t=2,p=1', 'password']],
        'one verification, against the dummy',
      )
    }
  },
)

t.test('without an account one verification is done, at the cost that is set', async (t: Test) => {
  const cost = { memoryKiB: 4096, passes: 3, lanes: 1 }
  const { hash, matches, seen } = await hasherFor(cost)
  const verifications = t.capture(argon2, 'verify', argon2.verify)
  const stored = await hash('right')
  t.equal(await matches('wrong', stored), false)
  t.equal(await matches('right', null), false)
  t.equal(await matches('', null), false, 'not even what the dummy was made of')
  const used = verifications().map(({ args: [digest, password] }) => [
    digest.split('$').slice(0, 4).join('$'),
    password,
  ])
  t.strictSame(
    used,
    [['wrong'], ['right'], ['']].map(([password]) => ['$argon2id$v=19$m=4096,t=3,p=1', password]),
  )
  t.equal(seen.unreadable, 0, 'no hash is not an unreadable hash')
})

t.test('which stored hashes are weaker than today’s cost', async (t) => {
  const { isWeak } = await hasherFor({ memoryKiB: 2048, passes: 2, lanes: 1 })
  const rows: Array<[stored: string, weak: boolean]> = [
    ['$argon2id$v=19$m=2048,t=2,p=1$', false],
    ['$argon2id$v=19$m=4096,t=2,p=1$', false],
    ['$argon2id$v=19$m=2048,t=3,p=4$', false],
    ['$argon2id$v=19$m=2047,t=2,p=1$', true],
    ['$argon2id$v=19$m=2048,t=1,p=1$', true],
    ['$argon2id$v=19$m=99999,t=1,p=1$', true],
    ['$argon2i$v=19$m=2048,t=2,p=1$', true],
    ['$argon2d$v=19$m=2048,t=2,p=1$', true],
    ['$argon2id$v=16$m=2048,t=2,p=1$', true],
    ['$2b$12$', true],
  ]
  for (const [stored, weak] of rows) t.equal(isWeak(`${stored}c29tZXNhbHQ$${key}`), weak, stored)
})
