import { readFileSync } from 'node:fs'
import { type OptionsType, ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import * as english from '@zxcvbn-ts/language-en'
import type { Estimate } from './strength.js'

// The build copies the list next to the bundle.
const [, list = ''] = readFileSync(new URL('common-passwords.txt', import.meta.url), 'utf8').split(
  /\n\n(.*)/s,
)

/**
 * Every password of a published list that is long enough for the policy, in lower case. The
 * estimator alone accepts one in twenty of them (ASVS 6.2.4).
 */
export const commonPasswords: ReadonlySet<string> = new Set(list.trim().split('\n'))

const { warnings, suggestions } = english.translations

/** Characters after the first 64 can only make a password harder to guess. */
const maxLength = 64

/**
 * The max number of l33t readings to try. The time grows with the length and the readings: with
 * the library's limits of 256 and 100, a hostile password takes seconds. A weak password over
 * 32 characters repeats itself, which is folded first, or has long words, which two readings
 * find.
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

// The class keeps its options private, and has no other way to change them between checks.
const { options } = zxcvbn as unknown as { options: { setOptions: (options: OptionsType) => void } }

/** Estimates a password, in the thread of {@link createEstimator}. */
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
  // A part that repeats many times is as weak as one that repeats twice. Folding it saves time.
  const folded = begin.length > readings.shortLength ? begin.replace(/(.+?)\1+/gsu, '$1$1') : begin
  const isShort = folded.length <= readings.shortLength
  options.setOptions({ l33tMaxSubstitutions: isShort ? readings.short : readings.long })
  // A word longer than the checked text never matches, but makes every look-up slower.
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
