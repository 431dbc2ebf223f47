import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freshDatabase, goodPassword, onEachDatabase } from '../helper.js'
import {
  makeCluster,
  removeCluster,
  startServer as startDatabase,
  stopServer as stopDatabase,
} from '../support/cluster.js'
import { post, runMain, startServer } from '../support/process.js'

interface Tokens {
  access_token: string
  refresh_token: string
  user: { id: string }
}

const ada = { email: 'ada@example.org', password: goodPassword }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/**
 * Two servers, each in a process of its own, that share keys and database, and answer to one
 * issuer.
 */
async function startTwo(t: Test, databaseUrl: string) {
  const folder = t.testdir()
  const env = {
    DATABASE_URL: databaseUrl,
    KEYS_FILE: join(folder, 'keys.json'),
    PUBLIC_URL: 'https://auth.example.org',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'info',
  }
  const migrated = await runMain(t, folder, { env, args: ['migrate'] })
  t.equal(migrated.code, 0, migrated.stderr)
  const first = await startServer(t, folder, env)
  return [first, await startServer(t, folder, env)] as const
}

await onEachDatabase(t, async (t, database) => {
  const [one, two] = await startTwo(t, await freshDatabase(t, database))
  const given = (await (await post(`${one.url}/signup`, ada)).json()) as Tokens

  await t.test(
    'fifty calls at once with one refresh token, on two processes, all succeed',
    async (t) => {
      for (let round = 0; round < 3; round++) {
        const replies = await Promise.all(
          Array.from(
            { length: 50 },
            async (_, index) =>
              await post(`${[one, two][index % 2]?.url}/refresh`, {
                refresh_token: given.refresh_token,
              }),
          ),
        )
        t.strictSame([...new Set(replies.map(({ status }) => status))], [200])
        const next = await Promise.all(replies.map(async (reply) => (await reply.json()) as Tokens))
        const crossed = await Promise.all(
          next.map(
            async ({ access_token: token }, index) =>
              (await fetch(`${[two, one][index % 2]?.url}/me`, { headers: bearer(token) })).status,
          ),
        )
        t.strictSame([...new Set(crossed)], [200], 'what one process signs, the other takes')
      }
    },
  )

  await t.test('a change on one process ends the refresh tokens on both', async (t) => {
    const reply = await post(
      `${one.url}/password/change`,
      { current_password: goodPassword, new_password: `${goodPassword}-too` },
      bearer(given.access_token),
    )
    const changed = (await reply.json()) as Tokens
    t.equal(reply.status, 200)
    for (const { url } of [one, two]) {
      t.equal((await post(`${url}/refresh`, { refresh_token: given.refresh_token })).status, 401)
      t.equal((await post(`${url}/refresh`, { refresh_token: changed.refresh_token })).status, 200)
    }
    t.equal(
      (
        await fetch(`${two.url}/logout/everywhere`, {
          method: 'POST',
          headers: bearer(changed.access_token),
        })
      ).status,
      204,
    )
    for (const { url } of [one, two])
      t.equal((await post(`${url}/refresh`, { refresh_token: changed.refresh_token })).status, 401)
  })
  for (const server of [one, two]) {
    t.equal(await server.stop('SIGTERM'), 0)
    t.notOk(
      server.lines().some(({ level }) => Number(level) > 30),
      'nothing went wrong',
    )
  }
})

t.test(
  'while PostgreSQL is stopped, /claims answers and what needs the account is unavailable',
  async (t) => {
    const cluster = await makeCluster()
    t.teardown(() => {
      removeCluster(cluster)
    })
    const [server] = await startTwo(t, cluster.url)
    const given = (await (await post(`${server.url}/signup`, ada)).json()) as Tokens
    const unseen = (await (
      await post(`${server.url}/refresh`, { refresh_token: given.refresh_token })
    ).json()) as Tokens
    const ask = {
      '/claims': async () =>
        await fetch(`${server.url}/claims`, { headers: bearer(given.access_token) }),
      '/claims, with a token that was not seen before': async () =>
        await fetch(`${server.url}/claims`, { headers: bearer(unseen.access_token) }),
      '/me': async () => await fetch(`${server.url}/me`, { headers: bearer(given.access_token) }),
      '/refresh': async () =>
        await post(`${server.url}/refresh`, { refresh_token: given.refresh_token }),
      '/logout/everywhere': async () =>
        await fetch(`${server.url}/logout/everywhere`, {
          method: 'POST',
          headers: bearer(given.access_token),
        }),
      '/logout': async () => await fetch(`${server.url}/logout`, { method: 'POST' }),
      '/health/live': async () => await fetch(`${server.url}/health/live`),
      '/health/ready': async () => await fetch(`${server.url}/health/ready`),
    }
    const answers = async () => {
      const found: Record<string, string> = {}
      for (const [name, send] of Object.entries(ask)) {
        const reply = await send()
        const { code } =
          reply.status >= 400 ? ((await reply.json()) as { code: string }) : { code: '' }
        found[name] =
          `${reply.status} ${code} ${reply.headers.has('retry-after') ? 'retry' : ''}`.trim()
      }
      return found
    }
    const always = {
      '/claims': '200',
      '/claims, with a token that was not seen before': '200',
      '/logout': '204',
      '/health/live': '200',
    }
    t.strictSame(await answers(), {
      ...always,
      '/health/ready': '200',
      '/me': '200',
      '/refresh': '200',
      '/logout/everywhere': '204',
    })
    stopDatabase(cluster)
    const down = '503 unavailable retry'
    for (let i = 0; i < 3; i++)
      t.strictSame(await answers(), {
        ...always,
        '/health/ready': down,
        '/me': down,
        '/refresh': down,
        '/logout/everywhere': down,
      })
    startDatabase(cluster)
    const begin = performance.now()
    while ((await ask['/me']()).status !== 200 && performance.now() - begin < 5000) await wait(100)
    t.match(
      await answers(),
      {
        ...always,
        '/health/ready': '200',
        '/me': '200',
        '/refresh': '401 invalid_refresh_token',
        '/logout/everywhere': '204',
      },
      'it goes on by itself',
    )
    t.equal(await server.stop('SIGTERM'), 0)
  },
)
