import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { goodPassword } from '../helper.js'
import { freePort } from '../support/cluster.js'
import { post, runMain, startServer } from '../support/process.js'

const ada = { email: 'ada@example.org', password: goodPassword }

/**
 * Starts a balancer in a process of its own, where nothing of the test holds up its questions,
 * and answers its URL.
 */
async function startBalancer(t: Test, urls: string[]): Promise<string> {
  const balancer = fork(fileURLToPath(new URL('../fixtures/balance.ts', import.meta.url)), urls, {
    stdio: 'inherit',
  })
  t.teardown(() => {
    balancer.kill()
  })
  const [url] = (await once(balancer, 'message')) as [string]
  return url
}

t.test(
  'two servers behind a balancer are restarted in turn under load: no request fails',
  async (t) => {
    const folder = t.testdir()
    const env = {
      DATABASE_URL: `file:${join(folder, 'latchkey.db')}`,
      KEYS_FILE: join(folder, 'keys.json'),
      PUBLIC_URL: 'https://auth.example.org',
      RATE_LIMITS: 'off',
    }
    const ports = [String(await freePort()), String(await freePort())]
    const start = async (index: number) =>
      await startServer(t, folder, { ...env, PORT: ports[index] ?? '' })
    const servers = [await start(0), await start(1)]
    const url = await startBalancer(
      t,
      servers.map(({ url }) => url),
    )
    const { access_token: token } = (await (await post(`${url}/signup`, ada)).json()) as {
      access_token: string
    }

    const end = new AbortController()
    const outcomes: Record<string, number> = {}
    const count = (what: string) => {
      outcomes[what] = (outcomes[what] ?? 0) + 1
    }
    const ask = async (what: string, send: () => Promise<Response>) => {
      while (!end.signal.aborted) {
        await send().then(
          async (reply) => {
            await reply.text()
            count(`${what} ${reply.status}`)
          },
          () => {
            count(`${what} failed`)
          },
        )
        await wait(2)
      }
    }
    const load = Promise.all([
      ...Array.from({ length: 4 }, async () => {
        await ask(
          'claims',
          async () =>
            await fetch(`${url}/claims`, { headers: { authorization: `Bearer ${token}` } }),
        )
      }),
      ask('login', async () => await post(`${url}/login`, ada)),
    ])
    for (const index of [0, 1]) {
      t.equal(await servers[index]?.stop('SIGTERM'), 0)
      servers[index] = await start(index)
      // Until the balancer has seen that it is back.
      await wait(300)
    }
    end.abort()
    await load
    t.strictSame(Object.keys(outcomes).sort(), ['claims 200', 'login 200'])
    for (const server of servers) t.equal(await server.stop('SIGTERM'), 0)
  },
)

t.test('WORKERS serve one port; one that is killed is replaced; they end together', async (t) => {
  const folder = t.testdir()
  const server = await startServer(t, folder, { WORKERS: '2', RATE_LIMITS: 'off' })
  const workers = () =>
    new Set(
      server
        .lines()
        .filter(({ msg }) => String(msg).startsWith('Latchkey serves'))
        .map(({ pid }) => Number(pid)),
    )
  while (workers().size < 2) await wait(20)
  t.notOk(workers().has(Number(server.process.pid)), 'the first process serves nothing itself')
  t.equal((await post(`${server.url}/signup`, ada)).status, 201)
  const [victim = 0] = workers()
  process.kill(victim, 'SIGKILL')
  while (workers().size < 3) await wait(20)
  for (let call = 0; call < 4; call++) t.equal((await post(`${server.url}/login`, ada)).status, 200)
  t.ok(
    server
      .lines()
      .some(
        ({ msg, worker, signal }) =>
          /is being replaced/.test(String(msg)) && worker === victim && signal === 'SIGKILL',
      ),
  )
  t.equal(await server.stop('SIGTERM'), 0)
  await t.rejects(fetch(server.url), 'nothing is left')

  const busy = await startServer(t, folder, {})
  const refused = await runMain(t, folder, { env: { WORKERS: '2', PORT: new URL(busy.url).port } })
  t.equal(refused.code, 1)
  t.strictSame(refused.stderr.match(/Cannot listen/g), ['Cannot listen'], 'said once')
  t.equal(await busy.stop('SIGINT'), 0)
})
