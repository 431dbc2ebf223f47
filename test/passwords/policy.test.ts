import t from 'tap'
import type { Weakness } from '../../src/errors.js'
import { judgePassword, normalisePassword, passwordMaxLength } from '../../src/passwords/policy.js'

/**
 * An estimator that answers one score, so that only the policy is seen, and keeps what it was
 * asked.
 */
function scoring(score: number) {
  const asked: Array<[password: string, words: string[]]> = []
  return {
    asked,
    estimate: async (password: string, words: string[]) => {
      asked.push([password, words])
      return { score, advice: [`score ${score}`] }
    },
  }
}

const ada = { email: 'ada.lovelace@example.org' }

t.test(
  'a password is normalised to NFKC and otherwise kept as it is; ill-formed Unicode is refused',
  async (t) => {
    const rows: Array<[string, string | null]> = [
      ['  Ab c  ', '  Ab c  '],
      ['', ''],
      ['e\u0301', '\u00e9'],
      ['\u00e9', '\u00e9'],
      ['\ufb01\uff21\u2460\u2126', 'fiA1\u03a9'],
      ['a\0b\r\n\u202e\ufeff', 'a\0b\r\n\u202e\ufeff'],
      ['\u{1f600}', '\u{1f600}'],
      ['\ud800', null],
      ['\udfff', null],
      ['abc\ud83d', null],
      ['\ude00\ud83d', null],
    ]
    for (const [text, normal] of rows)
      t.equal(normalisePassword(text), normal, JSON.stringify(text))
  },
)

t.test('every reason, each with its advice', async (t) => {
  const eight = '\u{1f600}\u{1f984}\u{1f30b}\u{1f9ed}\u{1f355}\u{1f511}\u{1f3bb}\u{1f6f6}'
  const rows: Array<[password: string, score: number, minLength: number, reasons: Weakness[]]> = [
    ['8 chars.', 3, 8, []],
    ['7 chars', 3, 8, ['too_short']],
    ['7 chars', 2, 8, ['too_short', 'too_guessable']],
    ['', 0, 8, ['too_short', 'too_guessable']],
    [eight, 4, 8, []],
    [eight.slice(2), 4, 8, ['too_short']],
    ['x'.repeat(14), 4, 15, ['too_short']],
    ['x'.repeat(15), 4, 15, []],
    [' '.repeat(8), 4, 8, []],
    ['x'.repeat(passwordMaxLength), 4, 8, []],
    ['x'.repeat(passwordMaxLength + 1), 4, 8, ['too_long']],
    ['\u{1f600}'.repeat(passwordMaxLength), 4, 8, []],
    ['\u{1f600}'.repeat(passwordMaxLength + 1), 0, 8, ['too_long']],
    ['long enough', 2, 8, ['too_guessable']],
    ['long enough', 0, 8, ['too_guessable']],
    ['xx ada.lovelace xx', 4, 8, ['contains_email']],
    ['xx ADA.Lovelace xx', 4, 8, ['contains_email']],
    ['ada.lovelace@example.org', 1, 8, ['contains_email', 'too_guessable']],
    ['ada.lovelace', 4, 15, ['too_short', 'contains_email']],
    ['ada.lovelac and more', 4, 8, []],
    ['lovelace and more', 4, 8, []],
  ]
  for (const [password, score, minLength, reasons] of rows) {
    const { estimate, asked } = scoring(score)
    const verdict = await judgePassword(password, ada, { minLength, estimate })
    t.strictSame(verdict.reasons, reasons, `${[...password].length} code points, score ${score}`)
    t.equal(verdict.advice.length, reasons.length, 'a line of advice for each')
    t.equal(asked.length, reasons.includes('too_long') ? 0 : 1, 'what is too long is not estimated')
  }
})

t.test('the part before the @ counts from four characters on', async (t) => {
  const { estimate } = scoring(4)
  const rows: Array<[email: string, password: string, reasons: Weakness[]]> = [
    ['ada@example.org', 'a crusade of adamant', []],
    ['ada@example.org', 'xxADA@example.orgxx', ['contains_email']],
    ['lena@example.org', 'a chilena song', ['contains_email']],
    ['\u{1f600}\u{1f600}@example.org', '\u{1f600}\u{1f600} and some more', []],
    ['jos\u00e9@example.org', 'xx JOS\u00c9 xx', ['contains_email']],
  ]
  for (const [email, password, reasons] of rows)
    t.strictSame(
      (await judgePassword(password, { email }, { minLength: 8, estimate })).reasons,
      reasons,
      `${email} ${password}`,
    )
})

t.test('the estimator is told what the account is known by', async (t) => {
  const { estimate, asked } = scoring(4)
  const judge = async (name?: string | null) =>
    await judgePassword(
      'whatever else',
      { email: 'ada.b_lovelace+x@mail.example.org', ...(name !== undefined && { name }) },
      { minLength: 8, estimate },
    )
  await judge()
  await judge(null)
  await judge('Augusta  Ada King B')
  const words = [
    'latchkey',
    'ada.b_lovelace+x@mail.example.org',
    'ada',
    'lovelace',
    'mail',
    'example',
    'org',
  ]
  t.strictSame(asked, [
    ['whatever else', words],
    ['whatever else', words],
    ['whatever else', [...words, 'Augusta', 'Ada', 'King']],
  ])
})
