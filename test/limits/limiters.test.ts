import { mock } from 'node:test'
import t from 'tap'
import { createAttempts } from '../../src/limits/attempts.js'
import { createCounters } from '../../src/limits/counters.js'
import { createLimiters } from '../../src/limits/limiters.js'
import { limits } from '../../src/limits/table.js'
import { Problem } from '../../src/errors.js'
import { createDeviceTokens } from '../../src/tokens/device-token.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { generateKey, parseKeys } from '../../src/keys/signing-key.js'
import { projectFile } from '../helper.js'

const email = 'ada@example.org'
const day = 24 * 3600
const begin = Date.parse('2026-01-02T03:04:05Z')
// The library of the counters goes by the time of the system.
mock.timers.enable({ apis: ['Date'], now: begin })
t.teardown(() => {
  mock.timers.reset()
})
const seconds = () => (Date.now() - begin) / 1000

async function setUp(keys?: Array<Record<string, unknown>>) {
  const jwks = keys ?? [await generateKey(1)]
  const ring = createKeyRing(await parseKeys(JSON.stringify({ keys: jwks }), 'test'), {
    publishSeconds: 0,
    longestTokenSeconds: 1e9,
    clock: Date.now,
  })
  const limiters = createLimiters({ counters: createCounters(undefined), ring })
  const deviceTokens = createDeviceTokens({
    ring,
    issuer: 'http://localhost:3000',
    clock: Date.now,
  })
  const attempts = createAttempts({ limiters, deviceTokens })
  /** A wrong guess; answers how long it was told to wait, or 0 when it was compared. */
  const guess = async (network: string, device?: string, address = email) => {
    try {
      await attempts.guard(
        address,
        { network, devices: device === undefined ? [] : [device] },
        async () => null,
      )
      return 0
    } catch (error) {
      return (error as Problem).extras.waitSeconds as number
    }
  }
  /**
   * One more call that counts for the limit of all strangers, or of all devices, at the
   * address: no attempt is without one of them, and every other limit only takes away from
   * that.
   */
  const from = async (name: 'password-email' | 'password-devices') =>
    await limiters[name].take(email).then(
      () => 0,
      ({ extras }: Problem) => extras.waitSeconds as number,
    )
  return { ring, jwks, limiters, deviceTokens, attempts, guess, from }
}

/**
 * Guesses once, then, after `heldBack` seconds, whenever it may for some days, and answers when
 * it did. Whoever waits as long as they were told gets a guess.
 */
async function persist(
  days: number,
  guess: () => Promise<number>,
  heldBack = 0,
): Promise<number[]> {
  const until = seconds() + days * day
  await guess()
  const times = [seconds()]
  mock.timers.tick(heldBack * 1000)
  let waited = 0
  while (seconds() < until) {
    const wait = await guess()
    if (wait === 0) times.push(seconds())
    else if (waited > 0) throw new Error('told to wait twice in a row')
    waited = wait
    mock.timers.tick(wait * 1000)
  }
  return times
}

const mostInADay = (times: number[]) =>
  Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + day).length))
const inTheFirst = (times: number[]) => times.filter((time) => time - (times[0] ?? 0) < day).length
const gaps = (times: number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0))

t.test(
  'many networks and devices have fewer than a hundred guesses in the first day',
  async (t) => {
    const { guess, deviceTokens, from } = await setUp()
    let networks = 0
    const strangers = await persist(3, async () => await guess(`network ${networks++}`))
    const { free, maxWait } = limits['password-email']
    t.strictSame(
      gaps(strangers).slice(0, free + 6),
      [...Array.from({ length: free }, () => 0), 10, 20, 40, 80, 160, 320],
      'the waits between guesses',
    )
    t.equal(Math.max(...gaps(strangers)), maxWait, 'the longest wait')
    const devices = await persist(3, async () => await from('password-devices'))
    t.strictSame(
      { strangers: inTheFirst(strangers), devices: inTheFirst(devices) },
      { strangers: 62, devices: 37 },
      'guesses in the first day',
    )
    mock.timers.tick(day * 1000)
    let both = 0
    while ((await guess(`network ${networks++}`, deviceTokens.issue(email))) === 0) both++
    t.equal(
      both,
      limits['password-email'].free + limits['password-devices'].free + 2,
      'each attempt counts once',
    )
  },
)

t.test(
  'guesses saved over two days are at most what docs/limits.md and SECURITY.md say',
  async (t) => {
    const most = { 'password-email': 0, 'password-devices': 0 }
    for (const name of ['password-email', 'password-devices'] as const) {
      for (let heldBack = 0; heldBack < day; heldBack += day / 12) {
        const { from } = await setUp()
        const times = await persist(2.5, async () => await from(name), heldBack)
        most[name] = Math.max(most[name], mostInADay(times))
      }
    }
    t.strictSame(most, { 'password-email': 99, 'password-devices': 70 }, 'guesses in any day')
    for (const file of ['docs/limits.md', 'SECURITY.md'])
      t.match(await projectFile(file), / 169 /, file)
  },
)

t.test('one network or one device cannot make others wait', async (t) => {
  const { guess, deviceTokens, from } = await setUp()
  const one = await persist(2, async () => await guess('one network'))
  t.ok(inTheFirst(one) < limits['password-email'].free, `${inTheFirst(one)}`)
  t.equal(await guess('another'), 0, 'another network does not wait')
  const stolen = deviceTokens.issue(email)
  await persist(1, async () => await guess('x', stolen))
  t.strictSame(
    [await from('password-devices'), await from('password-email')],
    [0, 0],
    'waits of others',
  )
})

t.test('a network that waits does not take the turn of another at the same moment', async (t) => {
  const { guess } = await setUp()
  while ((await guess('one')) === 0);
  mock.timers.tick(10_000)
  t.equal(await guess('one'), 0, 'its wait is twice as long from now on')
  for (let network = 0; (await guess(`network ${network}`)) === 0; network++);
  mock.timers.tick(10_000)
  t.strictSame(await Promise.all([guess('one'), guess('two')]), [10, 0])
})

t.test('what is given back is one call, in its own window, whatever was refused', async (t) => {
  const { limiters, from } = await setUp()
  const late = await limiters['password-email'].take(email)
  mock.timers.tick(day * 1000)
  await late.undo()
  let compared = 0
  while ((await from('password-email')) === 0) compared++
  t.equal(compared, limits['password-email'].free + 1, 'none of the next window')
  const take = async () => await limiters['mail-email'].take(email)
  const [first] = await Promise.all(Array.from({ length: limits['mail-email'].calls }, take))
  for (let index = 0; index < 3; index++) await t.rejects(take())
  await first?.undo()
  await take()
})

t.test('a call during a wait does not make it longer', async (t) => {
  const { guess } = await setUp()
  while ((await guess('one')) === 0);
  for (let left = 10; left > 0; left--) {
    const waits = []
    for (let index = 0; index < 10; index++) waits.push(await guess('one'))
    t.strictSame(
      waits,
      waits.map(() => left),
      `ten calls, ${left} seconds before the end`,
    )
    mock.timers.tick(1000)
  }
  t.equal(await guess('one'), 0, 'a guess after the wait')
})

t.test('an attempt that fails with an overload keeps its turn', async (t) => {
  const { guess, attempts } = await setUp()
  while ((await guess('one')) === 0);
  mock.timers.tick(10_000)
  for (let index = 0; index < 5; index++)
    await t.rejects(
      attempts.guard(email, { network: 'one', devices: [] }, async () => {
        throw new Problem('overloaded')
      }),
      { code: 'overloaded' },
      `overload ${index}`,
    )
  t.equal(await guess('one'), 0, 'the turn is still there')
  t.equal(await guess('one'), 20, 'the wait is the next longer one')
})

t.test('an attempt that ends after its wait does not open the gate for the next one', async (t) => {
  const { guess, limiters } = await setUp()
  while ((await guess(String(Math.random()))) === 0);
  mock.timers.tick(10_000)
  const slow = await limiters['password-email'].take(email)
  mock.timers.tick(20_000)
  t.equal(await guess('two'), 0, 'the second attempt')
  await slow.undo()
  t.not(await guess('three'), 0, 'the gate belongs to the second attempt')
})

t.test(
  'every device token is tried until one has guesses left, and an attempt counts once',
  async (t) => {
    const { guess, attempts, deviceTokens, limiters } = await setUp()
    const [used, other] = [deviceTokens.issue(email), deviceTokens.issue(email)]
    while ((await guess('one', used)) === 0);
    const { free } = limits['password-devices']
    t.not(await guess('one', used), 0, 'the device and the network have no guess left')
    t.equal(
      await attempts.guard(
        email,
        { network: 'one', devices: ['x', deviceTokens.issue('eve@example.org'), used, other] },
        async () => true,
      ),
      true,
      'another device token has a guess left',
    )
    let left = 0
    while (
      await limiters['password-devices'].take(email).then(
        () => true,
        () => false,
      )
    )
      left++
    t.equal(
      left,
      free + 1 - limits['password-device'].free - 1,
      'a success gives back its own count only',
    )
  },
)

t.test('a network has a bounded number of extra checks of cookie signatures', async (t) => {
  const { limiters, deviceTokens } = await setUp()
  const looked: string[] = []
  const attempts = createAttempts({
    limiters,
    deviceTokens: {
      ...deviceTokens,
      find: (token, address) => {
        looked.push(token)
        return deviceTokens.find(token, address)
      },
    },
  })
  const own = deviceTokens.issue(email)
  const hostile = Array.from({ length: 7 }, (_, index) => `${own}${index}`)
  const login = async (network: string, devices: string[]) =>
    await attempts.guard(email, { network, devices }, async () => true).catch(() => false)
  const { calls, seconds: window } = limits['device-network']
  for (let index = 0; index < 300; index++) await login('one', hostile)
  t.equal(looked.length, 300 + calls, 'one check for each call, and the allowed extra ones')
  while (
    await limiters['password-email'].take(email).then(
      () => true,
      () => false,
    )
  );
  t.strictSame(
    [
      await login('one', [hostile[0] as string, own]),
      await login('one', [own]),
      await login('two', [...hostile, own]),
    ],
    [false, true, true],
    'a good cookie behind a bad one, alone, and from another network',
  )
  mock.timers.tick(window * 1000)
  t.equal(await login('one', [...hostile, own]), true, 'after the window')
})

t.test('a network has a bounded number of comparisons, also of right passwords', async (t) => {
  const { attempts } = await setUp()
  const { calls, seconds: window } = limits['hash-network']
  const right = async (network: string, index: number) =>
    await attempts
      .guard(`${index}@example.org`, { network, devices: [] }, async () => true)
      .catch(({ extras }: Problem) => extras.limit)
  for (let index = 0; index < 10; index++)
    await t.rejects(
      attempts.guard(email, { network: 'one', devices: [] }, async () => {
        throw new Problem('overloaded')
      }),
      { code: 'overloaded' },
      `overload ${index} is given back`,
    )
  const compared = []
  for (let index = 0; index < calls; index++) compared.push(await right('one', index))
  t.strictSame(
    compared,
    compared.map(() => true),
    `${calls} comparisons`,
  )
  t.strictSame(
    await right('one', calls),
    { name: 'hash-network', calls, seconds: window },
    'the next one is refused',
  )
  t.equal(await right('another', 0), true, 'another network')
  mock.timers.tick(window * 1000)
  t.equal(await right('one', 0), true, 'after the window')
})

t.test('a proof of the mailbox resets the limits of the address and the network', async (t) => {
  const { guess, attempts, from } = await setUp()
  for (const network of ['one', 'two', 'three', 'four']) while ((await guess(network)) === 0);
  while ((await from('password-devices')) === 0);
  t.not(await guess('five'), 0, 'before')
  await attempts.forgive(email, { network: 'one', devices: [] })
  t.equal(await from('password-devices'), 0, 'of devices, after')
  t.strictSame([await guess('one'), await guess('five'), await guess('two')], [0, 0, 10], 'after')
})

t.test('counts survive a rotation and end with the oldest key', async (t) => {
  const first = await generateKey(1)
  const second = await generateKey(2)
  const { guess, ring } = await setUp([first])
  while ((await guess('one')) === 0);
  ring.replace(await parseKeys(JSON.stringify({ keys: [first, second] }), 'test'))
  t.not(await guess('one'), 0, 'with a second key')
  ring.replace(await parseKeys(JSON.stringify({ keys: [second] }), 'test'))
  t.equal(await guess('one'), 0, 'without the first key')
})
