import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import * as english from '@zxcvbn-ts/language-en'
import type { Estimate } from './strength.js'

// The time grows steeply with the length: 256 characters of l33t speak take two seconds, 64 take 0.05. What follows can only make a password harder to guess.
const zxcvbn = new ZxcvbnFactory({ dictionary: { ...common.dictionary, ...english.dictionary }, graphs: common.adjacencyGraphs, translations: english.translations, maxLength: 64 })

/** Runs in the thread of {@link createEstimator}. */
export default function estimate ({ password, words }: { password: string, words: string[] }): Estimate {
  const { score, feedback } = zxcvbn.check(password, words)
  return { score, advice: [feedback.warning, ...feedback.suggestions].filter((line): line is string => typeof line === 'string' && line !== '') }
}
