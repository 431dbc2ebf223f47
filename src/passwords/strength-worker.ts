import { readFileSync } from 'node:fs'
import { type OptionsType, ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import * as english from '@zxcvbn-ts/language-en'
import type { Estimate } from './strength.js'

// The build puts the list beside the bundle.
const [, list = ''] = readFileSync(new URL('common-passwords.txt', import.meta.url), 'utf8').split(
  /\n\n(.*)/s,
)

/**
 * Every password of a published list that is long enough for the policy, in lower case. The
 * estimator alone lets one in twenty through (ASVS 6.2.4).
 */
export const commonPasswords: ReadonlySet<string> = new Set(list.trim().split('\n'))

const { warnings, suggestions } = english.translations

/** What follows the first 64 characters can only make a password harder to guess. */
const maxLength = 64

/**
 * How many readings of l33t speak are tried. The time grows with the length and with the
 * readings: the library's own limits of 256 and 100 let a hostile password take seconds. A
 * password over 32 characters that is still weak repeats itself, which is looked at first, or
 * has long words, which two readings find.
 */
const readings = { short: 8, long: 2, shortLength: 32 }

const zxcvbn = new ZxcvbnFactory({
  dictionary: {
    ...common.dictionary,
    ...english.dictionary,
    'passwords-published': [...commonPasswords],
  },
  graphs: common.adjacencyGraphs,
  translations: english.translations,
  maxLength,
})

// The class keeps its options private, and has no other way to change them from one check to the
// next.
const { options } = zxcvbn as unknown as { options: { setOptions: (options: OptionsType) => void } }

/** Runs in the thread of {@link createEstimator}. */
export default function estimate({
  password,
  words,
}: {
  password: string
  words: string[]
}): Estimate {
  if (commonPasswords.has(password.toLowerCase()))
    return { score: 0, advice: [warnings.common, suggestions.anotherWord] }
  const begin = password.slice(0, maxLength)
  // A part that is said many times is as weak as one that is said twice, and takes less time to
  // judge.
  const folded = begin.length > readings.shortLength ? begin.replace(/(.+?)\1+/gsu, '$1$1') : begin
  const isShort = folded.length <= readings.shortLength
  options.setOptions({ l33tMaxSubstitutions: isShort ? readings.short : readings.long })
  // A word that does not fit into what is looked at is never found in it, but makes every look-up
  // wider.
  const { score, feedback } = zxcvbn.check(
    isShort ? folded : begin,
    words.filter((word) => word.length <= maxLength),
  )
  return {
    score,
    advice: [feedback.warning, ...feedback.suggestions].filter(
      (line): line is string => typeof line === 'string' && line !== '',
    ),
  }
}
