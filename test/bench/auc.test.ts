import t from 'tap'
import { areaUnderCurve } from '../../bench/auc.js'

t.test('the chance that one of the first is greater than one of the second', async (t) => {
  const rows: Array<[known: number[], unknown: number[], area: number]> = [
    [[2], [1], 1],
    [[1], [2], 0],
    [[1], [1], 0.5],
    [[1, 2, 3], [1, 2, 3], 0.5],
    [[3, 1], [2], 0.5],
    [[5, 5, 5], [5, 5], 0.5],
    [[2, 3], [1, 2], 0.875],
    [[0.1, 10], [9, 100, 2], 1 / 3],
    [[1, 4, 9, 9], [4, 4, 1], 8.5 / 12],
  ]
  for (const [known, unknown, area] of rows) {
    t.equal(
      areaUnderCurve(known, unknown).toFixed(9),
      area.toFixed(9),
      `${known.join()} against ${unknown.join()}`,
    )
    t.equal(
      areaUnderCurve(unknown, known).toFixed(9),
      (1 - area).toFixed(9),
      'and the other way round',
    )
  }
  t.ok(Number.isNaN(areaUnderCurve([], [1])))
})

t.test('it is what counting every pair gives', async (t) => {
  const draw = (count: number, seed: number) =>
    Array.from({ length: count }, (_, index) => (index * seed) % 23)
  const [known, unknown] = [draw(61, 7), draw(47, 11)]
  const pairs = known.flatMap((one) =>
    unknown.map((other): number => (one > other ? 1 : one === other ? 0.5 : 0)),
  )
  t.equal(
    areaUnderCurve(known, unknown).toFixed(9),
    (pairs.reduce((sum, one) => sum + one) / pairs.length).toFixed(9),
  )
})
