import { Type } from 'typebox'
import { MailSettings } from './mail-settings.js'
import { Seconds, SecretFile } from './setting-types.js'

/**
 * Every setting, by its name in the environment. A `description` begins with the allowed
 * values. The operator reads it when the value is refused.
 */
export const Settings = Type.Object({
  HOST: Type.String({
    minLength: 1,
    default: '127.0.0.1',
    description:
      'An address or host name. Where to listen; 0.0.0.0 is every IPv4 address of this machine, :: every address of IPv4 and IPv6.',
  }),
  PORT: Type.Integer({
    minimum: 1,
    maximum: 65535,
    default: 3000,
    description: '1 to 65535. Where to listen.',
  }),
  PUBLIC_URL: Type.String({
    maxLength: 500,
    description:
      'An http or https URL without query, fragment or trailing slash, of up to 500 characters. Its path has no semicolon and no empty segment. The URL of this API as its users see it, and the issuer (iss) of every token. Default: http://localhost:<PORT>.',
  }),
  DATABASE_URL: Type.String({
    pattern: '^(file:.+|libsql://.+|postgres(ql)?://.+)$',
    default: 'file:./data/latchkey.db',
    description:
      'file:<path>, libsql://<host> or postgresql://<user>:<password>@<host>/<database>. Percent-encode special characters, such as # / ? @ in a password. PostgreSQL may have several hosts, <host>:<port>,<host>:<port>: the one that can be written to is used.',
  }),
  DATABASE_URL_FILE: SecretFile('DATABASE_URL'),
  MIGRATE_DATABASE_URL: Type.String({
    default: '',
    description:
      'A postgresql: URL. For migrations, which need the database itself where DATABASE_URL leads to a pooler. Default: DATABASE_URL.',
  }),
  MIGRATE_DATABASE_URL_FILE: SecretFile('MIGRATE_DATABASE_URL'),
  AUTO_MIGRATE: Type.Enum(['on', 'off'], {
    description:
      'on or off. Apply pending migrations at start. Default: on for file:, off for the others; migrate these with "npm run migrate".',
  }),
  TOKEN_AUDIENCE: Type.String({
    minLength: 1,
    maxLength: 200,
    description:
      '1 to 200 characters, not <PUBLIC_URL>/refresh, /links or /devices, the audiences of other tokens. The audience (aud) of access tokens. Default: PUBLIC_URL.',
  }),
  ACCESS_TOKEN_SECONDS: Seconds(60, 3600, 600, 'Life of an access token.'),
  REFRESH_TOKEN_SECONDS: Seconds(
    60,
    31_536_000,
    2_592_000,
    'Life of a refresh token; each refresh returns a new one.',
  ),
  REFRESH_MAX_SECONDS: Seconds(
    60,
    315_360_000,
    7_776_000,
    'Max time from the login to the last refresh.',
  ),
  KEYS_FILE: Type.String({
    minLength: 1,
    default: './data/keys.json',
    description: 'A path. A JWK Set with the private signing keys; the first start creates it.',
  }),
  KEYS: Type.String({
    default: '',
    description:
      'The same JSON inline, for replicas and secret stores. Takes precedence over KEYS_FILE.',
  }),
  KEY_PUBLISH_SECONDS: Seconds(
    0,
    604800,
    1200,
    'How long a new key is published before it signs, so that every verifier has fetched it.',
  ),
  PASSWORD_MIN_LENGTH: Type.Integer({
    minimum: 8,
    maximum: 64,
    default: 8,
    description:
      '8 to 64 characters. NIST SP 800-63B-4 requires 15 if the password is the only factor.',
  }),
  ARGON2_MEMORY_KIB: Type.Integer({
    minimum: 7168,
    maximum: 4194304,
    default: 19456,
    description:
      '7168 to 4194304 KiB. Memory of one hash; at least 47104 with 1 pass, 19456 with 2, 12288 with 3, 9216 with 4, 7168 with more (OWASP).',
  }),
  ARGON2_PASSES: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 2,
    description: '1 to 100. Passes over the memory.',
  }),
  ARGON2_LANES: Type.Integer({
    minimum: 1,
    maximum: 16,
    default: 1,
    description: '1 to 16. Threads of one hash.',
  }),
  HASH_CONCURRENCY: Type.Integer({
    minimum: 1,
    maximum: 1024,
    description:
      '1 to 1024. Concurrent password hashes, each of ARGON2_MEMORY_KIB. Default: the number of cores.',
  }),
  HASH_QUEUE_MS: Type.Integer({
    minimum: 0,
    maximum: 60_000,
    default: 1000,
    description:
      '0 to 60000 milliseconds. Max wait of a login for its hash; a login that would wait longer gets 503 at once.',
  }),
  SIGNUP_MODE: Type.Enum(['instant', 'verify_first', 'closed'], {
    default: 'instant',
    description:
      'instant, verify_first or closed. instant: signing up creates the account, and reveals whether the address is taken. verify_first: signing up responds 202 to every address, and the link in a mail creates the account. closed: only "npm run users" and admins create accounts.',
  }),
  REQUIRE_VERIFIED_EMAIL: Type.Enum(['on', 'off'], {
    default: 'off',
    description:
      'on or off. Refuse login, refresh and password change until the address is verified. The tokens of an instant sign-up then work for ACCESS_TOKEN_SECONDS at most.',
  }),
  ...MailSettings,
  REDIS_URL: Type.String({
    default: '',
    description:
      'redis:// or rediss://<user>:<password>@<host>:<port>/<number>, or with Sentinel redis+sentinel://<user>:<password>@<host>:<port>,<host>:<port>/<name of the primary>. Shares the counts of the limits between replicas. Without Redis, or while it is away, each process counts for itself.',
  }),
  REDIS_URL_FILE: SecretFile('REDIS_URL'),
  WEBHOOK_URLS: Type.Array(Type.String({ maxLength: 2000 }), {
    default: [],
    maxItems: 16,
    description:
      'Up to 16 http or https URLs without fragment, separated by commas; a comma in a URL is %2C. Each gets the changes of accounts, signed with WEBHOOK_SECRET: docs/webhooks.md. Two URLs must not differ in user and password alone.',
  }),
  WEBHOOK_SECRET: Type.Array(Type.String(), {
    default: [],
    maxItems: 2,
    description:
      'whsec_<base64 of 24 to 64 random bytes>, as "echo whsec_$(openssl rand -base64 32)" prints it; needed with WEBHOOK_URLS. Signs webhooks (Standard Webhooks). Two secrets, separated by a comma, sign each message twice while receivers change to the new one.',
  }),
  WEBHOOK_SECRET_FILE: SecretFile('WEBHOOK_SECRET'),
  RATE_LIMITS: Type.Enum(['on', 'off'], {
    default: 'on',
    description:
      'on or off. Limit guesses of passwords, new accounts, requests for mails, uses of links and changes of accounts, by network, e-mail address and account. off if a gateway in front does this.',
  }),
  WORKERS: Type.String({
    pattern: '^([1-9]\\d{0,2}|auto)$',
    default: '1',
    description: '1 to 999, or auto for one per core. Number of server processes.',
  }),
  TRUST_PROXY: Type.Array(Type.String(), {
    default: [],
    description:
      'Addresses or CIDRs of proxies, separated by commas, such as 10.0.0.0/8. The prefix is at least 1. Their X-Forwarded-For names the caller; without this setting, all callers behind a proxy count as one.',
  }),
  CORS_ORIGINS: Type.Array(Type.String(), {
    default: [],
    description:
      'Exact origins separated by commas, such as https://app.example.com or capacitor://localhost. Pages of these origins may call the API: a single-page app on another origin needs this.',
  }),
  COOKIE_SAMESITE: Type.Enum(['Lax', 'Strict'], {
    default: 'Lax',
    description:
      'Lax or Strict. SameSite of the cookies with tokens. With Strict, a person who follows a link from another site arrives logged out.',
  }),
  COOKIE_DOMAIN: Type.String({
    default: '',
    description:
      'The host of PUBLIC_URL or a parent of it, such as example.com. Puts the access cookie on this domain, for an app on another sub-domain. Every sub-domain is then trusted with the access token.',
  }),
  SIGN_IN_URL: Type.String({
    maxLength: 500,
    description:
      'An http or https URL without fragment, of up to 500 characters. The page to sign in, where GET /refresh sends people who are logged out. It gets the query parameter return_to. Default: the page at <PUBLIC_URL>/login.',
  }),
  HSTS_SUBDOMAINS: Type.Enum(['on', 'off'], {
    default: 'off',
    description:
      'on or off. Tell browsers to use https for a year not only for the host of PUBLIC_URL, but for all its sub-domains.',
  }),
  KEEP_ALIVE_SECONDS: Seconds(
    1,
    7200,
    72,
    'How long an idle connection stays open. Longer than the balancer in front keeps it.',
  ),
  METRICS: Type.Enum(['on', 'off'], {
    default: 'off',
    description:
      'on or off. Serve Prometheus metrics at /metrics without authentication: let only a private network reach that path.',
  }),
  DOCS: Type.Enum(['on', 'off'], {
    default: 'on',
    description:
      'on or off. Serve the contract at /openapi.json and /openapi.yaml, and the page at /docs.',
  }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    default: 'info',
    description: 'trace, debug, info, warn, error, fatal or silent.',
  }),
})
