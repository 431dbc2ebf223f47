import { readFileSync } from 'node:fs'
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import * as english from '@zxcvbn-ts/language-en'
import type { Estimate } from './strength.js'

// The build puts the list beside the bundle.
const [, list = ''] = readFileSync(new URL('common-passwords.txt', import.meta.url), 'utf8').split(/\n\n(.*)/s)

/** Every password of a published list that is long enough for the policy, in lower case. The estimator alone lets one in twenty through (ASVS 6.2.4). */
export const commonPasswords: ReadonlySet<string> = new Set(list.trim().split('\n'))

const { warnings, suggestions } = english.translations

// The time grows steeply with the length and with the signs taken for letters: with the library's own limits of 256 and 100 a hostile password takes seconds and any random
// one of 64 characters 0.6 s; with these the worst takes 0.07 s, and l33t speak is seen through as well. What follows the first 64 characters can only make a password harder to guess.
const zxcvbn = new ZxcvbnFactory({
  dictionary: { ...common.dictionary, ...english.dictionary, 'passwords-published': [...commonPasswords] },
  graphs: common.adjacencyGraphs,
  translations: english.translations,
  maxLength: 64,
  l33tMaxSubstitutions: 8
})

/** Runs in the thread of {@link createEstimator}. */
export default function estimate ({ password, words }: { password: string, words: string[] }): Estimate {
  if (commonPasswords.has(password.toLowerCase())) return { score: 0, advice: [warnings.common, suggestions.anotherWord] }
  const { score, feedback } = zxcvbn.check(password, words)
  return { score, advice: [feedback.warning, ...feedback.suggestions].filter((line): line is string => typeof line === 'string' && line !== '') }
}
