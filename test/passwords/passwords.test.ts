import { setImmediate as settle } from 'node:timers/promises'
import argon2 from 'argon2'
import bcrypt from 'bcrypt'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createHashGate } from '../../src/passwords/gate.js'
import type { HashCost } from '../../src/passwords/hash.js'
import { createPasswords, type Hashing } from '../../src/passwords/passwords.js'
import { cheapHash, goodPassword } from '../helper.js'

const ada = { email: 'ada@example.org' }

/** The passwords of the product with an estimator that always answers `score`. */
async function passwordsFor({
  cost = cheapHash,
  score = 4,
}: { cost?: HashCost; score?: number } = {}) {
  const seen = { unreadable: 0 }
  const passwords = await createPasswords({
    cost,
    minLength: 8,
    estimate: async () => ({ score, advice: ['Hint one.', 'Hint two.'] }),
    gate: createHashGate({ concurrency: 1, queueMilliseconds: 60_000, now: Date.now }),
    onUnreadableHash: () => {
      seen.unreadable++
    },
  })
  const { hashNew, matches, upgrade } = (await passwords.withHashSlot(
    null,
    async (hashing) => hashing,
  )) satisfies Hashing
  return { hashNew, matches, upgrade, seen }
}

/** The problem that a promise is rejected with. */
async function problemOf(promise: Promise<unknown>): Promise<Pick<Problem, 'code' | 'extras'>> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof Problem)) throw new Error(`no problem: ${String(error)}`)
  return { code: error.code, extras: error.extras }
}

t.test(
  'an accepted password belongs to its hash, and only the same password does (ASVS 6.2.8)',
  async (t) => {
    const { hashNew, matches, seen } = await passwordsFor()
    const rows: Array<[password: string, same: string[], others: string[]]> = [
      [
        goodPassword,
        [],
        [
          goodPassword.toUpperCase(),
          ` ${goodPassword}`,
          `${goodPassword} `,
          goodPassword.slice(0, -1),
          '',
        ],
      ],
      ['  two  spaces  ', [], ['two  spaces', '  two spaces  ']],
      [
        're\u0301sume\u0301 \ufb01le',
        ['r\u00e9sum\u00e9 \ufb01le', 'r\u00e9sum\u00e9 file', 'r\u00e9sum\u00e9 \uff46ile'],
        ['resume file'],
      ],
      ['a\0b-and-more', [], ['a\0c-and-more', 'a', 'a\0', 'ab-and-more']],
      [`${'x'.repeat(72)}-tail-one`, [], [`${'x'.repeat(72)}-tail-two`, 'x'.repeat(72)]],
      ['x'.repeat(256), [], ['x'.repeat(255), 'x'.repeat(257)]],
      ['\u{1f600}'.repeat(256), [], ['\u{1f600}'.repeat(255)]],
    ]
    for (const [password, same, others] of rows) {
      const hash = await hashNew(password, ada)
      t.match(hash, /^\$argon2id\$v=19\$m=1024,t=2,p=1\$/)
      for (const one of [password, ...same])
        t.equal(await matches(one, hash), true, JSON.stringify(one).slice(0, 40))
      for (const one of others)
        t.equal(await matches(one, hash), false, JSON.stringify(one).slice(0, 40))
    }
    t.equal(seen.unreadable, 0)
  },
)

t.test('a refused password is not hashed, and the answer says why', async (t) => {
  const weak = await passwordsFor({ score: 1 })
  const strict = await passwordsFor()
  const hashes = t.capture(argon2, 'hash', argon2.hash)
  t.strictSame(await problemOf(weak.hashNew('ada', ada)), {
    code: 'weak_password',
    extras: {
      reasons: ['too_short', 'too_guessable'],
      detail: 'Use at least 8 characters. Hint one. Hint two.',
    },
  })
  t.strictSame(await problemOf(strict.hashNew('x'.repeat(257), ada)), {
    code: 'weak_password',
    extras: { reasons: ['too_long'], detail: 'Use at most 256 characters.' },
  })
  t.strictSame(await problemOf(strict.hashNew('ada@example.org.', ada)), {
    code: 'weak_password',
    extras: { reasons: ['contains_email'], detail: 'Do not include your e-mail address.' },
  })
  for (const broken of ['\ud800 and the rest', 'the rest \udfff']) {
    t.strictSame(await problemOf(strict.hashNew(broken, ada)), {
      code: 'invalid_request',
      extras: { errors: [{ pointer: '/password', detail: 'must be well-formed Unicode' }] },
    })
  }
  // NFKC makes one character of U+FDFA eighteen: the limits hold for what is hashed.
  t.strictSame((await problemOf(strict.hashNew('\ufdfa'.repeat(15), ada))).extras.reasons, [
    'too_long',
  ])
  t.strictSame(hashes(), [])
})

t.test('what no account can have as password is false after the same work', async (t) => {
  const { hashNew, matches, seen } = await passwordsFor({
    cost: { memoryKiB: 2048, passes: 3, lanes: 1 },
  })
  const hash = await hashNew(goodPassword, ada)
  const ofNothing = await argon2.hash('', { memoryCost: 2048, timeCost: 3, parallelism: 1 })
  const verifications = t.capture(argon2, 'verify', argon2.verify)
  const rows: Array<[password: string, hash: string | null]> = [
    ['x'.repeat(257), hash],
    ['x'.repeat(16000), hash],
    ['\u{1f600}'.repeat(257), hash],
    ['\ufdfa'.repeat(15), hash],
    ['\ud800', hash],
    [`${goodPassword}\udc00`, hash],
    ['x'.repeat(257), ofNothing],
    ['\ud800', ofNothing],
    ['x'.repeat(257), null],
    ['\ud800', null],
    [goodPassword, null],
    ['wrong', hash],
  ]
  for (const [password, stored] of rows) {
    t.equal(await matches(password, stored), false, `${password.length} units`)
    t.strictSame(
      verifications().map(({ args: [digest, text] }) => [digest.slice(0, 29), text.length <= 30]),
      [['$argon2id$v=19$m=2048,t=3,p=1', true]],
      'one verification, not of a long text',
    )
  }
  t.equal(seen.unreadable, 0)
  t.equal(await matches(goodPassword, 'not a hash'), false)
  t.equal(seen.unreadable, 1, 'an unreadable hash is passed on')
})

t.test('a hash is replaced only when it is weaker than what is set', async (t) => {
  const old = await passwordsFor()
  const now = await passwordsFor({ cost: { memoryKiB: 2048, passes: 2, lanes: 1 } })
  const weak = await old.hashNew('caf\u00e9 under the stair', ada)
  const stronger = await now.upgrade('cafe\u0301 under the stair', weak)
  t.match(stronger, /^\$argon2id\$v=19\$m=2048,t=2,p=1\$/)
  t.equal(await now.matches('caf\u00e9 under the stair', stronger), true)
  t.equal(await now.upgrade('caf\u00e9 under the stair', stronger ?? ''), null, 'as strong')
  t.equal(await old.upgrade('caf\u00e9 under the stair', stronger ?? ''), null, 'stronger')
  t.equal(await now.upgrade('\ud800', weak), null, 'what cannot have matched')
})

t.test(
  'a hash of another system is compared with what was typed, and with its normal form',
  async (t) => {
    const { matches, upgrade, seen } = await passwordsFor()
    const [typed, normal] = ['cafe\u0301 under the stair', 'caf\u00e9 under the stair']
    const raw = await bcrypt.hash(typed, 4)
    t.strictSame([await matches(typed, raw), await matches(normal, raw)], [true, false])
    const ours = await bcrypt.hash(normal, 4)
    t.strictSame(
      [await matches(typed, ours), await matches(normal, ours), await matches('wrong', ours)],
      [true, true, false],
    )
    t.equal(await matches(normal, await upgrade(typed, raw)), true, 'ours is of the normal form')
    t.equal(seen.unreadable, 0)
  },
)

t.test(
  'a hash is not replaced by that of a text of which its system looked at a part',
  async (t) => {
    const { matches, upgrade } = await passwordsFor()
    const rows: Array<[typed: string, isUpgraded: boolean]> = [
      ['x'.repeat(71), true],
      ['x'.repeat(72), false],
      ['\u9577'.repeat(23), true],
      ['\u9577'.repeat(30), false],
      ['brass\0lantern', false],
      // Of 73 bytes as typed, and 69 in the normal form, which is what would be stored.
      [`${'x'.repeat(67)}\u0390`.normalize('NFD'), false],
      // Of 63 bytes as typed, and 72 in the normal form, which is compared too.
      [`${'x'.repeat(60)}\u334d`, false],
      [`${'x'.repeat(60)}\ufb01`, true],
    ]
    for (const [typed, isUpgraded] of rows) {
      const hash = await bcrypt.hash(typed, 4)
      t.equal(await matches(typed, hash), true)
      t.equal(
        (await upgrade(typed, hash)) !== null,
        isUpgraded,
        `${Buffer.byteLength(typed)} bytes`,
      )
    }
  },
)

t.test('a request with a place at the gate asks the estimator for its network', async (t) => {
  const asked: unknown[] = []
  const passwords = await createPasswords({
    cost: cheapHash,
    minLength: 8,
    gate: createHashGate({ concurrency: 1, queueMilliseconds: 60_000, now: Date.now }),
    estimate: async (_password, _words, waiter) => {
      asked.push(waiter?.network)
      return { score: 4, advice: [] }
    },
  })
  for (const caller of [{ network: '192.0.2.1' }, null])
    await passwords.withHashSlot(caller, async ({ hashNew }) => await hashNew(goodPassword, ada))
  t.strictSame(asked, ['192.0.2.1', ''])
})

t.test('a request that waits for the estimator holds no place at the gate', async (t) => {
  const gate = createHashGate({ concurrency: 1, queueMilliseconds: 0, now: Date.now })
  const asked: unknown[] = []
  let estimated = () => {}
  const passwords = await createPasswords({
    cost: cheapHash,
    minLength: 8,
    gate,
    estimate: async (_password, _words, waiter) =>
      await new Promise((resolve) => {
        asked.push(waiter)
        estimated = () => {
          resolve({ score: 4, advice: [] })
        }
      }),
  })
  const { signal } = new AbortController()
  const accepting = passwords.hashNew(goodPassword, ada, { network: '192.0.2.1', signal })
  t.strictSame(asked, [{ network: '192.0.2.1', signal }])
  passwords.requireRoom('')
  t.equal(
    await passwords.withHashSlot(null, async ({ matches }) => await matches('wrong', null)),
    false,
    'a login is served meanwhile',
  )
  estimated()
  t.match(await accepting, /^\$argon2id\$/)
  t.strictSame(gate.load(), { inUse: 0, waiting: 0, shed: 0 })
})

t.test(
  'a request that could not hash is refused before the estimator is asked, or when it comes to the gate',
  async (t) => {
    const gate = createHashGate({ concurrency: 1, queueMilliseconds: 0, now: () => time++ })
    let time = 0
    let asked = 0
    let hold = true
    const busy: Array<() => void> = []
    const occupy = () => {
      gate
        .enter(null, async (turn) => {
          await turn(async () => {
            await new Promise<void>((resolve) => {
              busy.push(resolve)
            })
          })
        })
        .catch(t.bailout)
    }
    const passwords = await createPasswords({
      cost: cheapHash,
      minLength: 8,
      gate,
      estimate: async () => {
        asked++
        if (hold) occupy()
        return { score: 4, advice: [] }
      },
    })
    const hashes = t.capture(argon2, 'hash', argon2.hash)
    t.match(
      await problemOf(passwords.hashNew(goodPassword, ada, { network: '' })),
      { code: 'overloaded' },
      'the gate has become full meanwhile',
    )
    t.match(
      await problemOf(passwords.hashNew(goodPassword, ada, { network: '' })),
      { code: 'overloaded' },
      'the gate is full',
    )
    t.equal(asked, 1)
    t.strictSame(hashes(), [])
    hold = false
    busy.pop()?.()
    await settle()
    t.match(await passwords.hashNew(goodPassword, ada, { network: '' }), /^\$argon2id\$/)
  },
)
