import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createUsedProofs } from '../../src/tokens/dpop-replay.js'
import { frozenNow } from '../helper.js'

const jkt = 'k'.repeat(43)

t.test('a proof is remembered by its key and its id', async (t) => {
  const used = createUsedProofs(10, () => frozenNow)
  const rows = [
    [jkt, 'a'],
    [jkt, 'b'],
    [jkt, 'A'],
    [jkt, 'a '],
    [jkt, '__proto__'],
    ['K'.repeat(43), 'a'],
  ] as const
  t.strictSame(
    rows.map(([key, id]) => used.add(key, id)),
    rows.map(() => true),
  )
  t.strictSame(
    rows.map(([key, id]) => used.add(key, id)),
    rows.map(() => false),
  )
})

t.test('a proof is remembered for at least as long as its nonce is accepted', async (t) => {
  for (const at of [0, 1, 100_000, 239_999]) {
    const time = { now: frozenNow }
    const used = createUsedProofs(1000, () => time.now)
    time.now = frozenNow + at
    used.add(jkt, 'a')
    const known: boolean[] = []
    for (let later = 0; later < 240_000; later += 9_999) {
      time.now = frozenNow + at + later
      known.push(used.add(jkt, `${later}`), !used.add(jkt, 'a'))
    }
    t.ok(known.every(Boolean), `${at}: new ones are added, and the old one is known`)
    time.now = frozenNow + at + 239_999
    t.equal(used.add(jkt, 'a'), false, 'to the last moment')
    for (const pause of [240_000, 240_000]) {
      time.now += pause
      used.add(jkt, `after ${time.now}`)
    }
    t.equal(used.add(jkt, 'a'), true, 'forgotten at last')
  }
})

t.test('a clock that goes back forgets no proof', async (t) => {
  const time = { now: frozenNow }
  const used = createUsedProofs(1000, () => time.now)
  used.add(jkt, 'a')
  for (const back of [1, 1000, 3600_000]) {
    time.now = frozenNow - back
    t.equal(used.add(jkt, 'a'), false)
  }
})

t.test('an overflow drops only the oldest', async (t) => {
  const used = createUsedProofs(100, () => frozenNow)
  const ids = Array.from({ length: 1000 }, (_, i) => `${i}`)
  t.ok(ids.every((id) => used.add(jkt, id)))
  t.notOk(
    ids.slice(-100).some((id) => used.add(jkt, id)),
    'the last ones are known',
  )
  t.equal(used.add(jkt, '0'), true)
})

t.test('a flood of the longest ids stays small', async (t) => {
  const settle = () => {
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
    return process.memoryUsage().heapUsed
  }
  const before = settle()
  const used = createUsedProofs(20_000, () => frozenNow)
  for (let i = 0; i < 100_000; i++) used.add(jkt, `${i}`.padEnd(256, '\u{1F511}'))
  const grown = settle() - before
  t.equal(used.add(jkt, '99999'.padEnd(256, '\u{1F511}')), false)
  t.ok(grown < 40_000 * 150, `${grown} bytes`)
})
