// What people read about an error, by its code. An app with more languages has one such table for
// each: docs/texts.md of Latchkey lists every code.
import { api } from './client.js'

const texts = {
  invalid_credentials: 'The e-mail address or the password is wrong.',
  wrong_password: 'This password is wrong.',
  weak_password: 'Choose a stronger password.',
  email_taken: 'This address already has an account. Log in instead, or use another address.',
  invalid_one_time_token: 'This link is no longer valid. It works once, and for a limited time.',
  email_unverified: 'Confirm your e-mail address first, with the link in the mail.',
  account_disabled: 'This account is disabled. Contact the people who run this service.',
  forbidden: 'This account is disabled. Contact the people who run this service.',
  signup_closed: 'Sign-up is closed. Ask the people who run this service for an account.',
  invalid_refresh_token: 'Your login has ended. Log in again.',
  missing_token: 'This needs a login, or the password of the account.',
  logged_out: 'You logged out before this was done.',
  cross_site_request: 'The server does not allow this page to use cookies. See CORS_ORIGINS.',
  insecure_context: 'DPoP needs https or localhost. Choose another storage.',
  storage_unavailable: 'This browser cannot keep a key. Choose another storage.',
  network: `The server cannot be reached. Try again soon. (Developers: does Latchkey run at ${api}, and is this page in its CORS_ORIGINS?)`,
}

const reasons = {
  too_short: 'It is too short.',
  too_long: 'It is too long.',
  too_guessable: 'It is easy to guess.',
  contains_email: 'It contains your e-mail address.',
}

/** Returns what to tell a person about an error. */
export function textOf({ code, retryAfter, problem }) {
  const when = retryAfter === undefined ? 'soon' : `in ${secondsText(retryAfter)}`
  if (code === 'rate_limited') return `Too many attempts. Try again ${when}.`
  if (code === 'overloaded' || code === 'unavailable')
    return `The service is busy at the moment. Try again ${when}.`
  return texts[code] ?? problem?.detail ?? 'Something went wrong. Try again soon.'
}

function secondsText(seconds) {
  const count = Math.max(1, Math.ceil(seconds))
  if (count < 120) return `${count} second${count === 1 ? '' : 's'}`
  return `${Math.ceil(count / 60)} minutes`
}

/** The fields that an error is about, in the order of preference. A form has one of them. */
const fields = {
  wrong_password: ['current_password', 'password'],
  weak_password: ['new_password', 'password'],
  email_taken: ['new_email', 'email'],
}

/**
 * Returns what is wrong with the fields of a form: { field, texts }. It is empty if the error
 * is about the whole form.
 */
export function fieldErrorsOf({ code, problem }, form) {
  if (code === 'invalid_request')
    return (problem?.errors ?? []).flatMap(({ pointer, detail }) => {
      const field = form.elements.namedItem(pointer.slice(1))
      return field === null ? [] : [{ field, texts: [sentence(detail)] }]
    })
  const name = fields[code]?.find((one) => form.elements.namedItem(one) !== null)
  if (name === undefined) return []
  // Say why, then what to do.
  const why = (problem?.reasons ?? []).map((reason) => reasons[reason] ?? reason)
  const details = code === 'weak_password' ? [...why, problem?.detail ?? ''] : []
  return [{ field: form.elements.namedItem(name), texts: [textOf({ code, problem }), ...details] }]
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
