import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { goodPassword } from '../helper.js'
import { freePort } from '../support/cluster.js'
import { post, runMain, type Server, startMain, startServer } from '../support/process.js'
import { decode, makeJwk, thumbprint } from '../support/forge.js'

const ada = { email: 'ada@example.org', password: goodPassword }
const env = {
  PUBLIC_URL: 'https://auth.example.org',
  ARGON2_MEMORY_KIB: '7168',
  ARGON2_PASSES: '5',
}
const json = async <T>(reply: Response) => (await reply.json()) as T
const messages = (server: Server, level: number) =>
  server
    .lines()
    .filter((line) => line.level === level)
    .map(({ msg }) => String(msg))
const reloads = (server: Server) => server.lines().filter(({ msg }) => msg === 'keys reloaded')
const publishedKids = async ({ url }: Server) =>
  (
    await json<{ keys: Array<{ kid: string }> }>(await fetch(`${url}/.well-known/jwks.json`))
  ).keys.map(({ kid }) => kid)
const [info, warning, failure] = [30, 40, 50]

/**
 * Waits until something holds, at most for the five seconds within which a change of the keys
 * is taken up.
 */
async function soon(t: Test, what: string, holds: () => boolean | Promise<boolean>) {
  const begin = performance.now()
  while (!(await holds()) && performance.now() < begin + 5000) await wait(25)
  t.ok(await holds(), `${what} (${Math.round(performance.now() - begin)} ms)`)
}

async function keys(t: Test, folder: string, ...args: string[]) {
  const ended = await runMain(t, folder, { env, args: ['keys', ...args] })
  t.strictSame([ended.code, ended.stderr], [0, ''], `keys ${args[0]}`)
  return ended.stdout
}

t.test(
  'a running server reloads its key file, and keeps its keys while the file is damaged',
  async (t) => {
    const folder = t.testdir({
      'keys.json': JSON.stringify({ keys: [{ ...makeJwk('ES256'), iat: 1000 }] }),
    })
    const path = join(folder, 'keys.json')
    chmodSync(path, 0o640)
    const settings = { ...env, KEYS_FILE: 'keys.json', LOG_LEVEL: 'info' }
    const server = await startServer(t, folder, settings)
    t.strictSame(messages(server, warning), [
      'keys.json can be read by other users of this machine: chmod 600 keys.json',
    ])
    const [first] = await publishedKids(server)

    const rotated = await runMain(t, folder, { env: settings, args: ['keys', 'rotate'] })
    t.match(rotated.stdout, /signs from 20/)
    const [second = ''] = /(?<=^Created key )\S+/.exec(rotated.stdout) ?? []
    await soon(
      t,
      'a rotation is seen',
      async () => (await publishedKids(server)).join() === [second, first].join(),
    )
    t.match(reloads(server), [{ level: info, keys: 2, signs: first }], 'published, not yet signing')

    const good = readFileSync(path, 'utf8')
    writeFileSync(`${path}.new`, good.slice(0, 100))
    renameSync(`${path}.new`, path)
    await soon(t, 'damage is said', () => messages(server, failure).length === 1)
    t.match(messages(server, failure)[0], /^keys\.json is not JSON.*the previous keys stay in use/)
    server.process.kill('SIGHUP')
    await soon(t, 'SIGHUP reads at once', () => messages(server, failure).length === 2)
    t.strictSame(await publishedKids(server), [second, first])
    t.equal((await post(`${server.url}/signup`, ada)).status, 201, 'it still signs')
    rmSync(path)
    await soon(t, 'a missing file is said', () => messages(server, failure).length === 3)
    t.notOk(existsSync(path), 'and not made')

    const other = { ...makeJwk('EdDSA'), iat: 500 }
    writeFileSync(path, JSON.stringify({ keys: [other] }))
    await soon(
      t,
      'a mended file is taken up',
      async () => (await publishedKids(server)).join() === thumbprint(other),
    )
    t.match(reloads(server).at(-1), { keys: 1, signs: thumbprint(other) })
    const { access_token: token } = await json<{ access_token: string }>(
      await post(`${server.url}/login`, ada),
    )
    t.match(decode(token).header, { alg: 'EdDSA', kid: thumbprint(other) })
    t.equal(await server.stop('SIGTERM'), 0)
    t.notMatch(JSON.stringify(server.lines()), /"d"|PRIVATE/, 'nothing private in the log')
  },
)

t.test('SIGHUP to a server that is still starting', async (t) => {
  const folder = t.testdir()
  const { child, ended } = startMain(t, folder, {
    args: [],
    env: { ...env, PORT: String(await freePort()) },
  })
  const serves = new Promise<string>((resolve) => {
    child.stdout.on('data', (text) => {
      if (/Latchkey serves/.test(text)) resolve('serves')
    })
  })
  while (!existsSync(join(folder, 'data/keys.json'))) await wait(1)
  child.kill('SIGHUP')
  t.equal(await Promise.race([serves, ended]), 'serves')
  child.kill('SIGTERM')
  t.equal((await ended).code, 0)
})

t.test('keys in KEYS are not reloaded, and SIGHUP says so', async (t) => {
  const folder = t.testdir()
  const generated = await runMain(t, folder, { env, args: ['keys', 'generate', '--alg', 'EdDSA'] })
  const server = await startServer(t, folder, { ...env, KEYS: generated.stdout })
  server.process.kill('SIGHUP')
  await soon(t, 'said', () => messages(server, warning).length === 1)
  t.match(messages(server, warning), [/KEYS cannot be reloaded/])
  t.notOk(existsSync(join(folder, 'data/keys.json')))
  const refused = await runMain(t, folder, {
    env: { ...env, KEYS: generated.stdout },
    args: ['keys', 'rotate'],
  })
  t.strictSame([refused.code, refused.stdout], [1, ''])
  t.match(refused.stderr, /^The keys are in the setting KEYS/)
  t.notMatch(refused.stderr, /\n {4}at /, 'no stack')
  t.equal(await server.stop('SIGTERM'), 0)
})

t.test(
  'revoked on two servers that share a key file: every token of that key is refused, tokens of the other go on',
  async (t) => {
    const folder = t.testdir()
    const servers = [await startServer(t, folder, env), await startServer(t, folder, env)] as const
    type Tokens = { access_token: string; refresh_token: string }
    const old = await json<Tokens>(await post(`${servers[0].url}/signup`, ada))
    await keys(t, folder, 'rotate', '--now')
    await soon(t, 'both sign with the new key', () =>
      servers.every((server) => reloads(server).length === 1),
    )
    const young = await json<Tokens>(await post(`${servers[1].url}/login`, ada))
    const kid = String(decode(old.access_token).header.kid)
    t.not(decode(young.access_token).header.kid, kid)

    const get = async (url: string, token: string) =>
      (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status
    const answers = async ({ access_token: access, refresh_token: refresh }: Tokens) =>
      await Promise.all(
        servers.flatMap(({ url }) => [
          get(`${url}/claims`, access),
          get(`${url}/me`, access),
          post(`${url}/refresh`, { refresh_token: refresh }).then(({ status }) => status),
        ]),
      )
    t.strictSame(await answers(old), Array(6).fill(200))
    t.strictSame(await answers(young), Array(6).fill(200))
    // Both are now in the memory of the guards, and used until the end.
    const said = await keys(t, folder, 'revoke', kid)
    t.match(said, `Removed key ${kid}.`)
    await soon(t, 'refused everywhere', async () =>
      (await answers(old)).every((status) => status === 401),
    )
    t.strictSame(await answers(young), Array(6).fill(200))
    t.notOk((await publishedKids(servers[0])).includes(kid))
    t.notMatch(await keys(t, folder, 'list'), kid)

    const last = String(decode(young.access_token).header.kid)
    await keys(t, folder, 'revoke', last)
    await soon(t, 'the last key is replaced', async () =>
      (await answers(young)).every((status) => status === 401),
    )
    t.strictSame(
      await answers(await json<Tokens>(await post(`${servers[0].url}/login`, ada))),
      Array(6).fill(200),
      'logging in again helps',
    )
    t.strictSame(
      await Promise.all(servers.map(async (server) => await server.stop('SIGTERM'))),
      [0, 0],
    )
  },
)
