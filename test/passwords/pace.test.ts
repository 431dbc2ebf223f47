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
    [pace.allows('ada', 1), pace.rest('ada'), pace.expectedWait('ada', 9, 100)],
    [true, 0, 0],
  )
})

t.test('beside others a network gets a quarter of the time, or of the slots', async (t) => {
  for (const [slots, share] of [
    [1, 1 / 4],
    [2, 1 / 4],
    [3, 1 / 4],
    [4, 1 / 4],
    [6, 1 / 6],
    [8, 1 / 4],
    [20, 1 / 4],
  ] as const) {
    const { time, neighbours, pace } = paceFor(slots)
    const begins: number[] = []
    let worked = 0
    for (; time.now < 8000; time.now++) {
      neighbours.see('ada')
      neighbours.see('flood')
      while (begins[0] !== undefined && time.now - begins[0] >= 40)
        pace.charge('flood', begins.shift() as number)
      if (pace.allows('flood', begins.length)) begins.push(time.now)
      worked += begins.length
    }
    t.ok(Math.abs(worked / 8000 / slots - share) < 0.01, `${slots}: ${worked / 8000}`)
    t.ok(pace.allows('ada', 0))
  }
})

t.test('the time that a newcomer waits beside others', async (t) => {
  const rows: Array<[slots: number, ahead: number, wait: number]> = [
    [1, 0, 0],
    [1, 1, 400],
    [2, 0, 0],
    [2, 1, 200],
    [2, 3, 600],
    [4, 1, 100],
    [8, 1, 0],
    [8, 3, 100],
  ]
  for (const [slots, ahead, wait] of rows) {
    const { neighbours, pace } = paceFor(slots)
    neighbours.see('ada')
    t.equal(pace.expectedWait('flood', ahead, 100), wait, `${slots} slots, ${ahead} ahead`)
  }
})

t.test('a network rests after its work, also after two pieces in a row', async (t) => {
  const { time, neighbours, pace } = paceFor(2)
  for (const network of ['ada', 'flood']) neighbours.see(network)
  time.now = 100
  pace.charge('flood', 0)
  t.strictSame([pace.rest('flood'), pace.allows('flood', 0), pace.rest('ada')], [100, false, 0])
  t.equal(pace.expectedWait('flood', 1, 50), 200)
  time.now = 150
  pace.charge('flood', 100)
  t.equal(pace.rest('flood'), 150)
  time.now = 300
  t.strictSame([pace.rest('flood'), pace.allows('flood', 0)], [0, true])
  pace.charge('ada', 250)
  time.now = 10_250
  t.equal(pace.rest('ada'), 0, 'a network that becomes alone does not rest')
})
