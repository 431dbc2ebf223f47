import { closestMatch } from 'leven'
import type { Config } from './config.js'
import { readPostgresUrl } from './postgres-url.js'
import { Settings } from './settings.js'

const names = Object.keys(Settings.properties)

/**
 * Finds the names of environment variables that look like a misspelled setting, and returns a
 * warning for each. Other programs' variables are not reported.
 *
 * @param variables the names; values are not needed, so that none can be shown
 */
export function misspelledSettings(variables: string[]): string[] {
  return variables.flatMap((variable) => {
    // Kubernetes sets LATCHKEY_PORT for a service of that name.
    if (names.includes(variable) || variable === 'LATCHKEY_PORT') return []
    const meant = meantSetting(variable)
    return meant === undefined ? [] : [`${variable} is not a setting; is it ${meant}?`]
  })
}

/** Returns the setting that a variable seems to mean, if any. */
function meantSetting(variable: string): string | undefined {
  // `set PORT`, `$env:PORT`, `public-url` and `LATCHKEY_HOST` mean a setting too.
  // An editor or a web page may have left an invisible space.
  const [, word = ''] = /([\w-]+)[\s\p{C}]*$/u.exec(variable) ?? []
  const plain = word
    .toUpperCase()
    .replaceAll('-', '_')
    .replace(/^LATCHKEY_/, '')
  if (names.includes(plain)) return plain
  const base = plain.replace(/_FILE$/, '')
  if (names.includes(base)) return base
  const sameLetters = names.find((name) => sorted(name) === sorted(plain))
  if (sameLetters !== undefined) return sameLetters
  // Short names resemble many others.
  const maxDistance = plain.length > 6 ? 2 : 1
  return closestMatch(plain, names, { maxDistance })
}

/** Returns the letters of a name in order: the same for letters that changed places. */
function sorted(name: string): string {
  return [...name].sort().join('')
}

/**
 * Returns a warning for each setting that is missing where it will be missed, on a server for
 * others than this machine, and for a PUBLIC_URL without TLS.
 *
 * @param env the environment that the settings came from
 */
export function riskySettings(env: Record<string, string | undefined>, config: Config): string[] {
  const warnings = ignoredParameters(config.DATABASE_URL)
  if (isReadableOnTheWay(config.PUBLIC_URL))
    warnings.push(
      'PUBLIC_URL is http: everyone on the way can read passwords and tokens, and the cookies with tokens have neither Secure nor the prefix __Host-. Use https.',
    )
  const isLocal = /^(localhost|127\..*|::1)$/i.test(config.HOST) && env.NODE_ENV !== 'production'
  if (isLocal) return warnings
  if (!env.PUBLIC_URL?.trim())
    warnings.push(
      `PUBLIC_URL is not set: tokens name ${config.PUBLIC_URL} as their issuer, and links in mails lead there. Both work on this machine only. Set it to the URL that users see; a later change ends every token.`,
    )
  if (config.SMTP_URL === '')
    warnings.push(
      'SMTP_URL is not set: mails are written to data/outbox, and users do not get them. Links to reset a password or verify an address do not arrive.',
    )
  return warnings
}

function ignoredParameters(databaseUrl: string): string[] {
  const ignored = readPostgresUrl(databaseUrl)?.ignored ?? []
  return ignored.length === 0
    ? []
    : [`DATABASE_URL has parameters without effect: ${ignored.join(', ')}.`]
}

function isReadableOnTheWay(publicUrl: string): boolean {
  const { protocol, hostname } = new URL(publicUrl)
  return protocol === 'http:' && !/^(localhost|.+\.localhost|127\..*|\[::1\])$/.test(hostname)
}
