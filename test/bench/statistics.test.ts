import t from 'tap'
import { interval, median, quantile } from '../../bench/statistics.js'

t.test('median and quantiles', async (t) => {
  t.strictSame(
    [median([3, 1, 2]), median([4, 1, 3, 2]), quantile([1, 2, 3, 4], 0), quantile([1, 2], 1)],
    [2, 3, 1, 2],
  )
  t.ok(Number.isNaN(median([])))
})

t.test('an interval is as wide as the rounds differ', async (t) => {
  const [low, high] = interval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], median)
  t.ok(low >= 3 && low < 6 && high > 6 && high <= 9, `${low} to ${high}`)
  t.strictSame(interval([7, 7, 7], median), [7, 7])
  t.strictSame(interval([1, 2, 9], median), interval([1, 2, 9], median), 'the same each time')
})
