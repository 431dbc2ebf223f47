import t from 'tap'
import { createNeighbours, createPace } from '../../src/passwords/pace.js'

function clockAt(start = 0) {
  const time = { now: start }
  return { time, now: () => time.now }
}

function paceFor(slots: number) {
  const { time, now } = clockAt()
  const neighbours = createNeighbours(now)
  return { time, neighbours, pace: createPace(slots, neighbours, now) }
}

t.test('a network has neighbours for ten seconds after another one called', async (t) => {
  const { time, now } = clockAt()
  const { see, hasOthers } = createNeighbours(now)
  t.equal(hasOthers('ada'), false)
  see('ada')
  see('ada')
  t.strictSame([hasOthers('ada'), hasOthers('bob')], [false, true])
  time.now = 5000
  see('bob')
  t.strictSame([hasOthers('ada'), hasOthers('bob'), hasOthers('eve')], [true, true, true])
  time.now = 10_001
  t.strictSame([hasOthers('ada'), hasOthers('bob')], [true, false], 'ada has been quiet')
  time.now = 15_001
  t.strictSame([hasOthers('ada'), hasOthers('eve')], [false, false])
})

t.test('a flood does not make its neighbours forgotten, nor do many networks', async (t) => {
  const { time, now } = clockAt()
  const { see, hasOthers } = createNeighbours(now)
  see('ada')
  for (; time.now < 9000; time.now++) see('flood')
  t.equal(hasOthers('flood'), true)
  for (let count = 0; count < 100; count++) see(`network ${count}`)
  for (; time.now < 18_000; time.now++) see('flood')
  t.equal(hasOthers('flood'), true)
  time.now = 19_001
  t.equal(hasOthers('flood'), false)
})

t.test('callers without a network are not neighbours', async (t) => {
  const { now } = clockAt()
  const { see, hasOthers } = createNeighbours(now)
  see('')
  t.equal(hasOthers('ada'), false)
})

t.test('a network that is alone gets every slot and all the time', async (t) => {
  const { time, neighbours, pace } = paceFor(2)
  neighbours.see('ada')
  time.now = 100
  pace.charge('ada', 0)
  t.strictSame(
    [pace.allows('ada', 1), pace.rest('ada', 0), pace.expectedWait('ada', 9, 100)],
    [true, 0, 0],
  )
})

/**
 * Lets a network do all that it may, in pieces of 40 ms. Answers the milliseconds of work in
 * each second.
 */
function flood(slots: number, seconds: number): number[] {
  const { time, neighbours, pace } = paceFor(slots)
  const begins: number[] = []
  const worked = Array.from({ length: seconds }, () => 0)
  for (; time.now < 1000 * seconds; time.now++) {
    neighbours.see('ada')
    neighbours.see('flood')
    while (begins[0] !== undefined && time.now - begins[0] >= 40)
      pace.charge('flood', begins.shift() as number)
    while (pace.allows('flood', begins.length)) begins.push(time.now)
    const second = Math.floor(time.now / 1000)
    worked[second] = (worked[second] ?? 0) + begins.length
  }
  t.ok(pace.allows('ada', 0), 'others begin at once')
  return worked
}

t.test('beside others a network gets an eighth of the time in the long run', async (t) => {
  for (const slots of [1, 2, 3, 4, 6, 8, 20]) {
    const late = flood(slots, 40).slice(20)
    const share = late.reduce((sum, one) => sum + one, 0) / late.length / 1000 / slots
    t.ok(Math.abs(share - 1 / 8) < 0.01, `${slots} slots: ${share}`)
  }
})

t.test('what it did not use lately it may use at once, in a quarter of the slots', async (t) => {
  for (const [slots, atOnce, atLeast] of [
    [1, 1, 250],
    [2, 1, 600],
    [4, 1, 1000],
    [8, 2, 2000],
    [20, 5, 5000],
  ] as const) {
    const [first = 0] = flood(slots, 1)
    t.ok(first >= atLeast && first <= 1000 * atOnce, `${slots} slots: ${first} ms`)
  }
})

t.test('the time that a newcomer waits beside others', async (t) => {
  const rows: Array<[slots: number, ahead: number, wait: number]> = [
    [1, 0, 0],
    [1, 1, 6000],
    [2, 0, 0],
    [2, 1, 2000],
    [2, 3, 10_000],
    [4, 1, 1000],
    [8, 1, 0],
    [8, 3, 1000],
    [8, 5, 3000],
  ]
  for (const [slots, ahead, wait] of rows) {
    const { neighbours, pace } = paceFor(slots)
    neighbours.see('ada')
    t.equal(pace.expectedWait('flood', ahead, 1000), wait, `${slots} slots, ${ahead} ahead`)
  }
})

t.test('a network rests after much work, also after two pieces in a row', async (t) => {
  const { time, neighbours, pace } = paceFor(2)
  for (const network of ['ada', 'flood']) neighbours.see(network)
  time.now = 1000
  pace.charge('flood', 0)
  t.strictSame(
    [pace.rest('flood', 0), pace.allows('flood', 0), pace.rest('ada', 0)],
    [1000, false, 0],
  )
  t.equal(pace.expectedWait('flood', 1, 50), 1200)
  time.now = 1500
  pace.charge('flood', 1000)
  t.equal(pace.rest('flood', 0), 2500)
  time.now = 4000
  t.strictSame([pace.rest('flood', 0), pace.allows('flood', 0)], [0, true])
  time.now = 9000
  pace.charge('flood', 5000)
  t.equal(pace.rest('flood', 0), 1000, 'until it becomes alone')
  time.now = 10_000
  t.equal(pace.rest('flood', 0), 0)
})

t.test('estimates and hashes of a network count together', async (t) => {
  const { time, neighbours, pace } = paceFor(2)
  const estimates = createPace(1, neighbours, () => time.now)
  for (const network of ['ada', 'flood']) neighbours.see(network)
  time.now = 200
  estimates.charge('flood', 0)
  t.strictSame([estimates.rest('flood', 0), pace.rest('flood', 0)], [0, 0])
  time.now = 500
  pace.charge('flood', 200)
  t.strictSame([estimates.rest('flood', 0), pace.rest('flood', 0)], [300, 300])
  t.strictSame([estimates.rest('ada', 0), pace.rest('ada', 0)], [0, 0])
})
