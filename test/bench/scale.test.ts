import t from 'tap'
import { measureScale, toTables } from '../../bench/scale.js'

const extent = { sizes: [10, 300], rounds: 1, seconds: 1 }

for (const kind of ['SQLite', 'PostgreSQL'] as const)
  t.test(`the bench of many accounts measures every request on ${kind}`, async (t) => {
    const figures = await measureScale(kind, extent)
    t.strictSame(Object.keys(figures), ['10', '300'])
    for (const [size, { samples, once }] of Object.entries(figures)) {
      for (const [name, [sample]] of Object.entries(samples))
        t.ok((sample?.perSecond ?? 0) > 0, `${size} accounts, ${name}`)
      for (const [name, figure] of Object.entries(once)) t.ok(figure > 0, `${size}, ${name}`)
    }
    const { rates, once } = toTables(figures)
    t.match(rates, { 'GET /me': { 10: /^\d+/, 300: /\/s$/, target: /^(reached|missed): 0\.85$/ } })
    t.match(once, { 'import, s': { 10: /^\d/, 300: /^\d/ } })
  })

t.test('a ratio under the target is shown as missed', async (t) => {
  const sample = (perSecond: number) => ({ perSecond, p50: 1, p99: 1 })
  const figures = (...rates: number[]) => ({ samples: { a: rates.map(sample) }, once: {} })
  t.match(toTables({ 10: figures(100, 200, 50), 1000: figures(84, 168, 49) }).rates, {
    a: { 10: '100/s', '1,000': '84.0/s', ratio: '0.84', target: 'missed: 0.85' },
  })
  t.match(toTables({ 10: figures(100), 1000: figures(85) }).rates, {
    a: { ratio: '0.85', target: 'reached: 0.85' },
  })
})
