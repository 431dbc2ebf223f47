import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { manageKeys } from '../../src/cli/keys.js'
import { ConfigError, loadConfig } from '../../src/config.js'
import { KeyRingError, parseKeys } from '../../src/keys/signing-key.js'
import { frozenNow } from '../helper.js'
import { type Jwk, makeJwk, thumbprint } from '../support/forge.js'

const now = frozenNow / 1000
const privateParts = /"?\b(d|p|q|dp|dq|qi)\b"?:|PRIVATE/

/**
 * A folder with a key file, and the command as a person runs it there: what it says on each
 * stream, or what it fails with.
 */
function keysIn(t: Test, keys?: Jwk[], env: Record<string, string> = {}) {
  const folder = t.testdir(keys === undefined ? {} : { 'keys.json': JSON.stringify({ keys }) })
  const path = join(folder, 'keys.json')
  const config = loadConfig({
    KEYS_FILE: path,
    REFRESH_TOKEN_SECONDS: '86400',
    RATE_LIMITS: 'off',
    ...env,
  })
  const time = { now: frozenNow }
  return {
    path,
    time,
    kids: async () => (await parseKeys(await readFile(path, 'utf8'), 'test')).map(({ kid }) => kid),
    files: async () => await readdir(folder),
    run: async (...args: string[]) => {
      const [out, err] = [t.capture(console, 'log'), t.capture(console, 'error')]
      try {
        await manageKeys(args, config, () => time.now)
        return {
          said: out()
            .map(({ args }) => String(args[0]))
            .join('\n')
            .replaceAll(path, 'keys.json'),
          aside: err()
            .map(({ args }) => String(args[0]))
            .join('\n'),
        }
      } finally {
        out.restore()
        err.restore()
      }
    },
  }
}

const day = 86_400
const old = (alg: 'ES256' | 'EdDSA' | 'RS256', daysAgo: number): Jwk => ({
  ...makeJwk(alg),
  iat: now - daysAgo * day,
})

t.test('list shows the state of each key, newest first', async (t) => {
  const [over, verifies, signs] = [old('EdDSA', 40), old('RS256', 20), old('ES256', 0.5)]
  const waits = { ...makeJwk('ES256'), iat: now - 60 }
  const table = [
    `kid                                          alg    created               state
${thumbprint(waits)}  ES256  2026-01-02T03:03:05Z  published, signs from 2026-01-02T03:23:05Z`,
    `${thumbprint(signs)}  ES256  2026-01-01T15:04:05Z  signs until 2026-01-02T03:23:05Z`,
    `${thumbprint(verifies)}  RS256  2025-12-13T03:04:05Z  verifies until 2026-01-08T15:25:05Z`,
    `${thumbprint(over)}  EdDSA  2025-11-23T03:04:05Z  can be removed (npm run keys -- prune)`,
  ].join('\n')
  const keys = [over, waits, signs, verifies]
  const { said } = await keysIn(t, keys).run('list')
  t.equal(said, table)
  t.equal(
    (await keysIn(t, undefined, { KEYS: JSON.stringify({ keys }) }).run('list')).said,
    table,
    'of KEYS too',
  )

  const odd = keysIn(t, [makeJwk('ES256'), makeJwk('ES256')])
  t.match(
    (await odd.run('list')).said,
    /ES256 {2}unknown {2}signs\n.*ES256 {2}unknown {2}verifies$/,
    'without times',
  )
  t.match(
    (await keysIn(t, [old('ES256', 9)]).run('list')).said,
    /2025-12-24T03:04:05Z {2}signs$/,
    'one',
  )
})

t.test('without a key file, every command but create and generate refuses', async (t) => {
  const { run, files, path } = keysIn(t)
  const env = existsSync('.env') ? 'where it reads .env' : 'which has no .env'
  for (const args of [['list'], ['rotate'], ['rotate', '--now'], ['revoke', 'x'], ['prune']])
    await t.rejects(run(...args), {
      name: 'CommandError',
      message: `There is no key file ${path}.
KEYS_FILE is ${path}, and this command runs in ${process.cwd()}, ${env}.
Run the command in the folder of the server, with the same settings. The first start of the server creates the file. To create it now, run: npm run keys -- create`,
    })
  t.strictSame(await files(), [], 'no file is created')

  const folder = t.testdir({ '.env': '' })
  const cwd = process.cwd()
  t.teardown(() => {
    process.chdir(cwd)
  })
  process.chdir(folder)
  await t.rejects(manageKeys(['list'], loadConfig({})), {
    message: `There is no key file ${join(folder, 'data/keys.json')}.
KEYS_FILE is ./data/keys.json, and this command runs in ${folder}, where it reads .env.
Run the command in the folder of the server, with the same settings. The first start of the server creates the file. To create it now, run: npm run keys -- create`,
  })
})

t.test('create writes a file that only its owner can read, once', async (t) => {
  for (const [args, alg] of [
    [[], 'ES256'],
    [['--alg', 'EdDSA'], 'EdDSA'],
  ] as const) {
    const { run, kids, files, path } = keysIn(t)
    const { said } = await run('create', ...args)
    t.equal(
      said,
      `Created keys.json with key ${(await kids())[0]} (${alg}). The key signs at once.`,
    )
    t.notMatch(said, privateParts)
    t.equal((await stat(path)).mode & 0o777, 0o600)
    t.match((await run('list')).said.split('\n')[1], new RegExp(`${alg}.*2026-01-02.*signs$`))
    const text = await readFile(path, 'utf8')
    await t.rejects(run('create'), {
      name: 'CommandError',
      message: /already exists\. Nothing was changed\. .*keys -- rotate$/,
    })
    t.equal(await readFile(path, 'utf8'), text)
    t.strictSame(await files(), ['keys.json'])
  }
})

t.test('rotate', async (t) => {
  const { run, kids, path, files } = keysIn(t)
  await run('create', '--alg', 'EdDSA')
  const second = await run('rotate')
  t.equal(
    second.said,
    `Created key ${(await kids())[1]} (EdDSA). Running servers load it within seconds and publish it at once.\nIt signs from 2026-01-02T03:24:06Z, when all verifiers have fetched it. Users stay logged in.`,
  )
  const third = await run('rotate', '--alg=ES256', '--now')
  t.match(
    third.said,
    /^Created key .* \(ES256\)\..*\nIt signs at once\. Its tokens are refused until .* up to 600 seconds \(max-age\)\.$/,
  )
  const { keys } = JSON.parse(await readFile(path, 'utf8')) as { keys: Jwk[] }
  t.strictSame(
    keys.map(({ iat, nbf = null }) => [iat, nbf]),
    [
      [now, null],
      [now + 1, null],
      [now + 2, now],
    ],
  )
  t.match((await run('list')).said.split('\n')[1], /ES256.*signs$/)
  t.strictSame(await files(), ['keys.json'])
  for (const { said } of [second, third]) t.notMatch(said, privateParts)
})

t.test('revoke', async (t) => {
  const keys = [old('ES256', 2), old('EdDSA', 1)] as [Jwk, Jwk]
  const [older, newer] = keys.map(thumbprint) as [string, string]
  const both = keysIn(t, keys)
  const { said } = await both.run('revoke', newer)
  t.match(
    said,
    new RegExp(
      `^Removed key ${newer}\\.\nThis API refuses its tokens within seconds\\. Users with these tokens have to log in again\\.\nOther services .* after 600 seconds .*\\(max-age\\)\\.\nKey ${older} \\(ES256\\) signs\\.$`,
    ),
  )
  t.strictSame(await both.kids(), [older])
  const last = await both.run('revoke', older)
  const [made] = await both.kids()
  t.match(
    last.said,
    new RegExp(
      `Removed key ${older}\\.[^]*\nNo other key was in use\\. Created key ${made} \\(ES256\\), which signs at once\\. Its tokens are refused until`,
    ),
  )
  await t.rejects(both.run('revoke', older), {
    name: 'KeyRingError',
    message: /npm run keys -- list/,
  })
  t.strictSame(await both.kids(), [made])

  const dead = [old('ES256', 40), old('EdDSA', 20)] as [Jwk, Jwk]
  t.match(
    (await keysIn(t, dead).run('revoke', thumbprint(dead[1]))).said,
    new RegExp(`Also removed key ${thumbprint(dead[0])}: it had expired`),
  )
  const early = [old('ES256', 1), { ...makeJwk('ES256'), iat: now - 60 }] as [Jwk, Jwk]
  t.match(
    (await keysIn(t, early).run('revoke', thumbprint(early[0]))).said,
    new RegExp(`Key ${thumbprint(early[1])} \\(ES256\\) signs\\. Its tokens are refused until`),
    'a key that was still waiting',
  )
})

t.test('a kid that begins with "-" is a kid', async (t) => {
  let dashed = makeJwk('EdDSA')
  while (!thumbprint(dashed).startsWith('-')) dashed = makeJwk('EdDSA')
  const { run, kids } = keysIn(t, [old('ES256', 1), dashed])
  await run('revoke', thumbprint(dashed))
  t.notOk((await kids()).includes(thumbprint(dashed)))
  t.equal((await kids()).length, 1)
})

t.test('generate prints a key set and nothing else', async (t) => {
  for (const [args, alg] of [
    [[], 'ES256'],
    [['--alg', 'ES256'], 'ES256'],
    [['--alg', 'EdDSA'], 'EdDSA'],
    [['--alg=RS256'], 'RS256'],
  ] as const) {
    const { run, files } = keysIn(t, undefined, { KEYS: 'anything' })
    const { said, aside } = await run('generate', ...args)
    t.match(await parseKeys(said, 'test'), [{ alg, createdAt: now, signsFrom: null }])
    t.notMatch(said, '\n')
    t.match(aside, /npm run -s keys -- generate/)
    t.strictSame(await files(), [])
  }
})

t.test('prune', async (t) => {
  const keys = [old('ES256', 40), old('EdDSA', 30), old('ES256', 1)]
  const { run, kids, time } = keysIn(t, keys)
  t.equal(
    (await run('prune')).said,
    `Removed key ${thumbprint(keys[0] as Jwk)}: all its tokens have expired.`,
  )
  t.equal((await run('prune')).said, 'No key can be removed yet.')
  t.strictSame(await kids(), keys.slice(1).map(thumbprint))
  time.now += 9 * day * 1000
  await run('prune')
  t.strictSame(await kids(), [thumbprint(keys[2] as Jwk)])
})

t.test('an invalid command changes nothing and prints the usage', async (t) => {
  const key = old('ES256', 1)
  const { run, path } = keysIn(t, [key])
  const before = await readFile(path, 'utf8')
  const rows: Array<[string[], RegExp]> = [
    [[], /^Missing command/],
    [['rotat'], /^Unknown command "rotat"/],
    [['--help'], /^Unknown command "--help"/],
    [['list', 'all'], /^"list" takes no arguments/],
    [['prune', '--now'], /^"prune" takes no arguments/],
    [['revoke'], /^"revoke" takes the kid of one key/],
    [['revoke', thumbprint(key), 'x'], /^"revoke" takes the kid of one key/],
    [['rotate', 'now'], /^"rotate" takes only --now and --alg/],
    [['rotate', '--later'], /^"rotate" takes/],
    [['rotate', '--now=yes'], /^"rotate" takes/],
    [['rotate', '--alg'], /^"rotate" takes/],
    [['rotate', '--alg', 'HS256'], /^--alg must be one of ES256, EdDSA, RS256/],
    [['rotate', '--alg', 'es256'], /^--alg must be/],
    [['rotate', '--alg', ''], /^--alg must be/],
    [['generate', '--now'], /^"generate" takes only --alg/],
    [['create', 'x'], /^"create" takes only --alg/],
    [['generate', '--alg', 'none'], /^--alg must be/],
  ]
  for (const [args, message] of rows) {
    const error = await run(...args).catch((error: unknown) => error)
    t.ok(
      error instanceof ConfigError && message.test(error.message),
      `${args.join(' ')}: ${String(error)}`,
    )
    t.match(error, { message: /\n\nUsage: npm run keys -- .*\n +or: node dist\/main\.js keys / })
  }
  t.equal(await readFile(path, 'utf8'), before)
})

t.test('keys that are not in a file are not changed', async (t) => {
  const key = old('ES256', 1)
  const { run, path } = keysIn(t, [key], { KEYS: JSON.stringify({ keys: [key] }) })
  const before = await readFile(path, 'utf8')
  for (const args of [
    ['create'],
    ['rotate'],
    ['rotate', '--now'],
    ['revoke', thumbprint(key)],
    ['prune'],
  ]) {
    await t.rejects(run(...args), {
      name: 'ConfigError',
      message:
        /^The keys are in the setting KEYS.*\n.*npm run -s keys -- generate[^]*restart the replicas/,
    })
  }
  t.equal(await readFile(path, 'utf8'), before)
  for (const [KEYS, message] of [
    ['{', /^KEYS is not JSON/],
    ['{"keys":[]}', /^KEYS has no keys/],
  ] as const) {
    const error = await keysIn(t, undefined, { KEYS })
      .run('list')
      .catch((error: unknown) => error)
    t.ok(error instanceof KeyRingError && message.test(error.message))
  }
})
