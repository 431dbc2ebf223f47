import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import type { Static, TSchema } from 'typebox'
import { isSmtpUrl } from './mail/smtp-url.js'
import { ownAudiences } from './audiences.js'
import { readPostgresUrl } from './postgres-url.js'
import { readSentinelUrl } from './redis-url.js'
import { createChecker } from './schema-check.js'
import { Settings } from './settings.js'
import { decodeText } from './text.js'
import { isReceiverUrl, receiverKey } from './webhooks/receiver-url.js'
import { isWebhookSecret } from './webhooks/signature.js'

/** The settings of one process, checked and complete. */
export type Config = Static<typeof Settings>

/**
 * Some settings are not valid. The message names each of them with its allowed values, never
 * with its current value.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** The rules that a schema cannot express. */
const furtherRules: Partial<Record<keyof Config, (config: Config) => boolean>> = {
  // A redirect to //name would lead to another host. A cookie cannot have a path with a semicolon.
  PUBLIC_URL: ({ PUBLIC_URL }) =>
    isCanonicalUrl(PUBLIC_URL) && !/\/\/|;/.test(new URL(PUBLIC_URL).pathname),
  TOKEN_AUDIENCE: ({ TOKEN_AUDIENCE, PUBLIC_URL }) =>
    !Object.values<string>({ ...ownAudiences(PUBLIC_URL) }).includes(TOKEN_AUDIENCE),
  APP_URL: ({ APP_URL }) => isCanonicalUrl(APP_URL),
  SMTP_URL: ({ SMTP_URL }) => SMTP_URL === '' || isSmtpUrl(SMTP_URL),
  REDIS_URL: ({ REDIS_URL }) =>
    REDIS_URL === '' ||
    (isDecodable(REDIS_URL) &&
      (/^rediss?\+/.test(REDIS_URL)
        ? readSentinelUrl(REDIS_URL) !== null
        : /^rediss?:\/\/[^/]/.test(REDIS_URL) && URL.canParse(REDIS_URL))),
  DATABASE_URL: ({ DATABASE_URL }) => isDatabaseUrl(DATABASE_URL),
  MIGRATE_DATABASE_URL: ({ MIGRATE_DATABASE_URL: url, DATABASE_URL }) =>
    url === '' || [url, DATABASE_URL].every((one) => /^postgres/.test(one) && isDatabaseUrl(one)),
  // If the passes are not a number, only ARGON2_PASSES is reported.
  ARGON2_MEMORY_KIB: ({ ARGON2_MEMORY_KIB, ARGON2_PASSES }) =>
    ARGON2_MEMORY_KIB >= (owaspMemory[Math.min(ARGON2_PASSES, 5)] ?? 0),
  TRUST_PROXY: ({ TRUST_PROXY }) => TRUST_PROXY.every(isNetwork),
  CORS_ORIGINS: ({ CORS_ORIGINS }) => CORS_ORIGINS.every(isOrigin),
  COOKIE_DOMAIN: ({ COOKIE_DOMAIN, PUBLIC_URL }) =>
    COOKIE_DOMAIN === '' || isCookieDomain(COOKIE_DOMAIN, new URL(PUBLIC_URL).hostname),
  SIGN_IN_URL: ({ SIGN_IN_URL }) => isPageUrl(SIGN_IN_URL),
  // Two URLs with one key would share one place.
  WEBHOOK_URLS: ({ WEBHOOK_URLS: urls }) =>
    urls.every(isReceiverUrl) && new Set(urls.map(receiverKey)).size === urls.length,
  WEBHOOK_SECRET: ({ WEBHOOK_SECRET: secrets, WEBHOOK_URLS: urls }) =>
    secrets.every(isWebhookSecret) && (secrets.length > 0 || urls.length === 0),
}

const checkSettings = createChecker(Settings)

/**
 * Reads the settings from an environment. An unset or empty variable takes the default. Other
 * variables are ignored.
 *
 * @throws ConfigError if settings are not valid; it names each of them
 */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const schemas = Object.entries<
    TSchema & { type?: string; default?: unknown; description?: string }
  >(Settings.properties)
  const given: Record<string, unknown> = {}
  const unreadable = new Set<string>()
  for (const [name, schema] of schemas) {
    let text = env[name]?.trim()
    const file = env[`${name}_FILE`]?.trim()
    if (file && isSecret(name)) {
      const secret = readSecret(file)
      if (text || !secret) unreadable.add(`${name}_FILE`)
      else text = secret
    }
    const value = text ? parse(text, schema.type) : schema.default
    if (value !== undefined) given[name] = value
  }
  const config = withDependentDefaults(
    given as Partial<Config> & Pick<Config, 'PORT' | 'DATABASE_URL'>,
  ) as Config
  const bad = new Set(checkSettings(config).map(({ path }) => path.split('/')[1]))
  for (const name of unreadable) bad.add(name)
  for (const [name, fits] of Object.entries(furtherRules))
    if (!bad.has(name) && !fits(config)) bad.add(name)
  // A default that depends on a bad setting is not reported.
  const named = schemas.filter(([name]) => bad.has(name) && name in given)
  if (named.length > 0)
    throw new ConfigError(
      `These settings cannot be used:\n${named.map(([name, { description }]) => `  ${name}: ${description}`).join('\n')}`,
    )
  return config
}

function isSecret(name: string): boolean {
  return `${name}_FILE` in Settings.properties && name !== 'KEYS'
}

/** Reads the secret of a file. Returns null if the file is not readable UTF-8 text. */
function readSecret(path: string): string | null {
  try {
    return decodeText(readFileSync(path))?.trim() ?? null
  } catch {
    return null
  }
}

// OWASP Password Storage Cheat Sheet, argon2id: the min memory in KiB for a number of passes.
const owaspMemory: Record<number, number> = { 1: 47104, 2: 19456, 3: 12288, 4: 9216, 5: 7168 }

function parse(text: string, type: string | undefined): unknown {
  if (type === 'integer') return /^\d{1,15}$/.test(text) ? Number(text) : text
  if (type === 'array')
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  return text
}

function withDependentDefaults<C extends Partial<Config> & Pick<Config, 'PORT' | 'DATABASE_URL'>>(
  config: C,
) {
  // 80 is the default port of http: http://localhost:80 is not the canonical spelling.
  const PUBLIC_URL =
    config.PUBLIC_URL ??
    (config.PORT === 80 ? 'http://localhost' : `http://localhost:${config.PORT}`)
  const AUTO_MIGRATE =
    config.AUTO_MIGRATE ??
    (config.DATABASE_URL.startsWith('file:') ? ('on' as const) : ('off' as const))
  return {
    ...config,
    PUBLIC_URL,
    AUTO_MIGRATE,
    TOKEN_AUDIENCE: config.TOKEN_AUDIENCE ?? PUBLIC_URL,
    APP_URL: config.APP_URL ?? PUBLIC_URL,
    SIGN_IN_URL: config.SIGN_IN_URL ?? `${PUBLIC_URL}/login`,
    HASH_CONCURRENCY: config.HASH_CONCURRENCY ?? availableParallelism(),
  }
}

// Clients compare an issuer as an exact string (RFC 8414 §3.3), so only the canonical spelling is
// valid.
function isCanonicalUrl(text: string): boolean {
  if (!URL.canParse(text) || /[?#\s]|\/$/.test(text)) return false
  const url = new URL(text)
  return (
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    (url.href === text || url.href === `${text}/`)
  )
}

// RFC 6265 §5.1.3. A browser takes no cookie for a top-level domain or a part of an IP address.
function isCookieDomain(domain: string, host: string): boolean {
  return (
    /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(domain) &&
    isIP(host) === 0 &&
    (host === domain || host.endsWith(`.${domain}`))
  )
}

function isPageUrl(text: string): boolean {
  if (!/^https?:\/\/[^/]/.test(text) || /[#\s\\]/.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}

function isNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  if (prefix === undefined) return version !== 0
  // A prefix of 0 bits is every address: each caller could claim to be any other.
  return version !== 0 && Number(prefix) >= 1 && Number(prefix) <= (version === 4 ? 32 : 128)
}

// The second pattern is for mobile and desktop apps (Capacitor, Ionic, Tauri) and for browser
// extensions. Any other scheme is more likely a typo.
function isOrigin(text: string): boolean {
  return (
    (/^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text) ||
    /^(capacitor|ionic|tauri|(chrome|moz|safari-web)-extension):\/\/[A-Za-z0-9.-]+(:\d{1,5})?$/.test(
      text,
    )
  )
}

// A bare # or / in the password makes the URL invalid. Refuse it here: a database driver would
// show the URL in its error.
function isDatabaseUrl(text: string): boolean {
  if (/^postgres/.test(text)) return isDecodable(text) && readPostgresUrl(text) !== null
  if (!URL.canParse(text)) return false
  const { protocol, host, hash } = new URL(text)
  // Each connection to :memory: would open a separate database.
  return (
    hash === '' &&
    isDecodable(text) &&
    (protocol !== 'file:' || (host === '' && !text.includes(':memory:')))
  )
}

/** Returns whether every percent sign of a URL begins an encoded character of UTF-8. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
