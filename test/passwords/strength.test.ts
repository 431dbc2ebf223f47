import t, { type Test } from 'tap'
import { Problem } from '../../src/errors.js'
import { createNeighbours, createPace } from '../../src/passwords/pace.js'
import { createEstimator } from '../../src/passwords/strength.js'
import judge from '../../src/passwords/strength-worker.js'
import { goodPassword } from '../helper.js'

const estimate = createEstimator()

t.test('weak and strong passwords', async (t) => {
  const weak = [
    '',
    'password',
    'Password1!',
    'P@ssw0rd',
    '12345678',
    'qwertyuiop',
    'iloveyou2',
    'letmein1',
    'abcdefgh',
    'aaaaaaaaaaaaaaaa',
    '1q2w3e4r5t',
    '19.04.1984',
    'monkey123',
    'correcthorse',
    'zxcvbnm,.',
    'baseball99',
    ' '.repeat(12),
    'abcabcabcabcabc',
    'a'.repeat(256),
    // Long ones that repeat l33t speak: one reading of many fits.
    'P@$$w0rd'.repeat(8),
    'fk7r<fy7h'.repeat(4),
    'k(j9wx5n'.repeat(5),
    '6h8dtnrfr!+kf'.repeat(3),
    '4@'.repeat(32),
  ]
  const strong = [
    goodPassword,
    'correct horse battery staple lamp',
    'Tr0ub4dour&3xyzzy-plugh',
    'x7#Kq9!vLm2',
    'gZ4kP0wQ8rT1',
    '\u00fcberm\u00fctige Dachse tanzen',
    '\u{1f600}\u{1f984}\u{1f30b}\u{1f9ed}\u{1f355}\u{1f511}\u{1f3bb}\u{1f6f6}',
    `${goodPassword}${'a'.repeat(220)}`,
  ]
  for (const password of weak) {
    const { score, advice } = await estimate(password, [])
    t.ok(score < 3, `${password.slice(0, 30)} scores ${score}`)
    t.ok(password === '' || advice.length > 0, 'and it is said how to do better')
    t.ok(
      advice.every((line) => /^[A-Z].+[^ ]$/.test(line)),
      advice.join(' '),
    )
  }
  for (const password of strong)
    t.match(await estimate(password, []), { score: /^[34]$/ }, password.slice(0, 40))
})

t.test('nobody rests because the thread had to start', async (t) => {
  const now = () => performance.now()
  const neighbours = createNeighbours(now)
  const pace = createPace(1, neighbours, now)
  neighbours.see('ada')
  await createEstimator(neighbours)(goodPassword, [], { network: 'bob' })
  t.equal(pace.rest('bob', 0), 0)
})

t.test('what the account is known by counts as common words', async (t) => {
  const rows: Array<[password: string, words: string[]]> = [
    ['zanzibarovich.quux', ['zanzibarovich', 'quux']],
    ['Zanzibarovich.Quux', ['zanzibarovich', 'quux']],
    ['zanzibarovich.quux', ['Zanzibarovich', 'QUUX']],
    ['xuuq.hcivorabiznaz', ['zanzibarovich', 'quux']],
  ]
  for (const [password, words] of rows) {
    t.ok((await estimate(password, [])).score >= 3, password)
    t.ok((await estimate(password, words)).score < 3, `${password} with ${words.join(', ')}`)
  }
  t.equal(
    (await estimate('zanzibarovich.quux', [])).score,
    (await estimate('zanzibarovich.quux', ['other'])).score,
    'the words of one call are not kept for the next',
  )
})

t.test('the thread answers what the estimator itself does', async (t) => {
  for (const [password, words] of [
    ['password', []],
    [goodPassword, ['lantern']],
    ['a\ud83d\ude00', []],
  ] as Array<[string, string[]]>)
    t.strictSame(await estimate(password, words), judge({ password, words }), password)
})

const hostile = [
  '4@'.repeat(32),
  '@4$5'.repeat(64),
  '4@8({[<369&#!1|/0$5+7%2'.repeat(2).slice(0, 32),
  '4@8({[<369&#!1|/0$5+7%2'.repeat(12).slice(0, 256),
  'qwertasdfgzxcvb'.repeat(18).slice(0, 256),
  'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(8).slice(0, 256),
  `${'\u{1f600}'.repeat(31)}a${'\u{1f600}'.repeat(224)}`,
]

t.test('a hostile password takes no more work than a long honest one', async (t) => {
  /** The least of some runs: other programs only add to it. */
  const work = (password: string) =>
    Math.min(
      ...Array.from({ length: 5 }, () => {
        const begin = process.cpuUsage()
        judge({ password, words: [] })
        const { user, system } = process.cpuUsage(begin)
        return user + system
      }),
    )
  const honest = work('correct horse battery staple lamp and some more words to fill it')
  for (const password of hostile) {
    const ratio = work(password) / honest
    t.ok(ratio < 3, `${ratio.toFixed(1)} times for ${password.slice(0, 30)}`)
  }
})

t.test('a hostile password is done soon, and the event loop goes on meanwhile', async (t) => {
  for (const password of hostile) {
    let ticks = 0
    let isDone = false
    const tick = () => {
      if (!isDone) {
        ticks++
        setImmediate(tick)
      }
    }
    tick()
    // Each answer of the thread is a turn of the event loop; in this thread all of them would be one.
    const scores = await Promise.all(
      Array.from({ length: 30 }, async () => (await estimate(password, [])).score),
    )
    isDone = true
    t.ok(
      scores.every((score) => score >= 0 && score <= 4),
      `score ${scores[0]}`,
    )
    t.ok(ticks > 20, `${ticks} ticks`)
  }
})

t.test(
  'when too many wait, the next is refused at once and the others are answered',
  async (t: Test) => {
    const estimate = createEstimator()
    for (const state of ['cold', 'warm']) {
      const answers = await Promise.allSettled(
        Array.from(
          { length: 90 },
          async (_, index) => await estimate(`${goodPassword}${index}`, []),
        ),
      )
      const refused = answers.flatMap((answer) =>
        answer.status === 'rejected' ? [answer.reason as unknown] : [],
      )
      t.ok(refused.length >= 24 && refused.length <= 26, `${state}: ${refused.length} refused`)
      t.ok(
        refused.every((error) => error instanceof Problem && error.code === 'overloaded'),
        'as overloaded',
      )
      t.strictSame(
        answers.slice(0, 64).map(({ status }) => status),
        Array(64).fill('fulfilled'),
        'those who came first',
      )
    }
  },
)
