import { Type, type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'

const Switch = (byDefault: 'on' | 'off', description: string) => Type.Enum(['on', 'off'], { default: byDefault, description: `on or off. ${description}` })
const Seconds = (minimum: number, maximum: number, byDefault: number, description: string) => Type.Integer({ minimum, maximum, default: byDefault, description: `${minimum} to ${maximum}. ${description}` })
const Checked = <S extends TSchema>(schema: S, fits: (value: Static<S>) => boolean) => Type.Refine(schema, fits, () => 'does not fit')

/** Every setting, by its name in the environment. `description` begins with what is allowed; it is what a person reads when the value is refused. */
export const Settings = Type.Object({
  HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'An address or host name. Where to listen; 0.0.0.0 listens everywhere.' }),
  PORT: Type.Integer({ minimum: 1, maximum: 65535, default: 3000, description: '1 to 65535. Where to listen.' }),
  PUBLIC_URL: Checked(Type.String({ description: 'An http or https URL without query, fragment or trailing slash. The URL of this API as its users see it, and the issuer (iss) of every token. Default: http://localhost:<PORT>.' }), isCanonicalUrl),
  DATABASE_URL: Type.String({ pattern: '^(file:.+|libsql://.+|postgres(ql)?://.+)$', default: 'file:./data/latchkey.db', description: 'file:<path>, libsql://<host> or postgresql://<user>:<password>@<host>/<database>.' }),
  AUTO_MIGRATE: Switch('off', 'Apply pending migrations at start. Default: on for file:, off for the others, which are migrated by "npm run migrate".'),
  TOKEN_AUDIENCE: Type.String({ minLength: 1, maxLength: 200, description: '1 to 200 characters. The audience (aud) of access tokens. Default: PUBLIC_URL.' }),
  ACCESS_TOKEN_SECONDS: Seconds(60, 3600, 600, 'Life of an access token.'),
  KEYS_FILE: Type.String({ minLength: 1, default: './data/keys.json', description: 'A path. A JWK Set with the private signing keys; made on the first start.' }),
  KEYS: Type.String({ default: '', description: 'The same JSON inline, for replicas and secret stores. Takes precedence over KEYS_FILE.' }),
  KEY_PUBLISH_SECONDS: Seconds(0, 604800, 1200, 'How long a new key is published before it signs, so that every verifier has fetched it.'),
  PASSWORD_MIN_LENGTH: Type.Integer({ minimum: 8, maximum: 64, default: 8, description: '8 to 64 characters. NIST SP 800-63B-4 asks for 15 where the password is the only factor.' }),
  ARGON2_MEMORY_KIB: Type.Integer({ minimum: 7168, maximum: 4194304, default: 19456, description: '7168 to 4194304 KiB. Memory of one hash.' }),
  ARGON2_PASSES: Type.Integer({ minimum: 1, maximum: 100, default: 2, description: '1 to 100. Passes over the memory; memory × passes must be 35840 or more (the OWASP minimum).' }),
  ARGON2_LANES: Type.Integer({ minimum: 1, maximum: 16, default: 1, description: '1 to 16. Threads of one hash.' }),
  CORS_ORIGINS: Type.Array(Checked(Type.String(), isOrigin), { default: [], description: 'Exact origins separated by commas, such as https://app.example.com. Browsers on these may call the API.' }),
  DOCS: Switch('on', 'Serve the contract at /openapi.json and /openapi.yaml, and the page at /docs.'),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { default: 'info', description: 'trace, debug, info, warn, error, fatal or silent.' })
})

/** The settings of one process, checked and complete. */
export type Config = Static<typeof Settings>

/** Some settings cannot be used. The message names every one of them and what it may be, never the value it has. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Reads the settings from an environment. An unset or empty variable takes the default; variables that are no setting are ignored.
 * @throws ConfigError naming every setting that does not fit
 */
export function loadConfig (env: Record<string, string | undefined>): Config {
  const given: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries<TSchema & { type?: string }>(Settings.properties)) {
    const text = env[name]?.trim()
    if (text) given[name] = parse(text, schema.type)
  }
  const settings = withDependentDefaults(Value.Default(Settings, { ...given }) as Config, given)
  const bad = new Set([...Value.Errors(Settings, settings)].map((error) => error.instancePath.split('/')[1] ?? ''))
  if (!bad.has('ARGON2_MEMORY_KIB') && !bad.has('ARGON2_PASSES') && settings.ARGON2_MEMORY_KIB * settings.ARGON2_PASSES < owaspMinimum) bad.add('ARGON2_PASSES')
  if (bad.size > 0) {
    const lines = Object.entries<TSchema & { description?: string }>(Settings.properties).filter(([name]) => bad.has(name)).map(([name, schema]) => `  ${name}: ${schema.description}`)
    throw new ConfigError(`These settings cannot be used:\n${lines.join('\n')}`)
  }
  return settings
}

// OWASP Password Storage Cheat Sheet, argon2id: the least memory × passes of its five equivalent rows (7168 KiB × 5).
const owaspMinimum = 35840

function parse (text: string, type: string | undefined): unknown {
  if (type === 'integer') return /^\d{1,15}$/.test(text) ? Number(text) : text
  if (type === 'array') return text.split(',').map((item) => item.trim()).filter((item) => item !== '')
  return text
}

function withDependentDefaults (settings: Config, given: Record<string, unknown>): Config {
  const publicUrl = settings.PUBLIC_URL ?? `http://localhost:${settings.PORT}`
  return {
    ...settings,
    PUBLIC_URL: publicUrl,
    TOKEN_AUDIENCE: settings.TOKEN_AUDIENCE ?? publicUrl,
    AUTO_MIGRATE: given.AUTO_MIGRATE === undefined && settings.DATABASE_URL.startsWith('file:') ? 'on' : settings.AUTO_MIGRATE
  }
}

// An issuer is compared as an exact string (RFC 8414 §3.3), so only the one canonical spelling is taken.
function isCanonicalUrl (text: string): boolean {
  if (!URL.canParse(text) || /[?#\s]|\/$/.test(text)) return false
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && (url.href === text || url.href === `${text}/`)
}

function isOrigin (text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text
}
