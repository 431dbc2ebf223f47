import t from 'tap'
import { measure } from '../../bench/measure.js'
import { linesOf, markdown, othersOf } from '../../bench/table.js'

const database = [
  'Prisma alone: find an account',
  'GET /me',
  'POST /refresh',
  'POST /login',
  'POST /signup',
].map((name) => `${name}, SQLite`)

t.test('the bench measures every scenario on the built program', async (t) => {
  const measurements = await measure({
    rounds: 1,
    seconds: 0.4,
    accounts: 2,
    coldTokens: 1000,
    databases: ['SQLite'],
    settings: { ARGON2_MEMORY_KIB: '7168', ARGON2_PASSES: '5', HASH_QUEUE_MS: '30000' },
  })
  const names = [
    'argon2 alone',
    'bare Fastify route',
    'bare Fastify route with our log',
    'GET /claims, token seen before',
    'GET /claims, token never seen',
    ...database,
  ]
  t.strictSame(Object.keys(measurements.samples), names)
  for (const [name, samples] of Object.entries(measurements.samples)) {
    t.equal(samples.length, 1, name)
    t.ok(
      samples.every(({ perSecond, p50, p99 }) => perSecond > 0 && p50 <= p99),
      JSON.stringify(samples),
    )
  }
  t.strictSame(Object.keys(measurements.memory), ['SQLite'])
  const lines = linesOf(measurements)
  t.strictSame(
    lines.map(({ what }) => what),
    names,
  )
  t.notMatch(JSON.stringify(lines), 'NaN')
  t.strictSame(
    lines.filter(({ target }) => /^(reached|missed): 0/.test(target)).map(({ what }) => what),
    [
      'GET /claims, token seen before',
      'GET /me, SQLite',
      'POST /refresh, SQLite',
      'POST /login, SQLite',
    ],
  )
})

t.test('a target is reached or missed by the median of the ratios of each round', async (t) => {
  const sample = (perSecond: number) => ({ perSecond, p50: 1, p99: 2 })
  const samples = {
    'bare Fastify route': [1000, 10, 100].map(sample),
    'GET /claims, token seen before': [100, 9, 85].map(sample),
  }
  const target = (warm: number[]) =>
    linesOf({
      samples: { ...samples, 'GET /claims, token seen before': warm.map(sample) },
      memory: {},
    })[1]
  t.match(target([100, 9, 85]), {
    'a second': '85',
    'of bare': '0.850',
    target: 'reached: 0.8 of bare Fastify route',
  })
  t.match(target([100, 9, 75]), { 'of bare': '0.750', target: 'missed: 0.8 of bare Fastify route' })
  t.strictSame(othersOf({ samples, memory: { SQLite: 200.4 } }, [{ ms: 900, mib: 151 }]), [
    { what: 'start to listening', figure: '900 ms', target: 'reached: at most 1000 ms' },
    { what: 'idle memory', figure: '151 MiB', target: 'missed: at most 150 MiB' },
    { what: 'most memory under all of the above, SQLite', figure: '200 MiB', target: '' },
  ])
  t.equal(markdown([{ what: 'a', figure: '1' }]), '| what | figure |\n| --- | --: |\n| a | 1 |')
})
