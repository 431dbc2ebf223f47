import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { hashOfSubject } from '../../src/account/revocation-feed.js'
import {
  type Judgement,
  type PolledClaims,
  type Poller,
  type PollerOptions,
  startNodePoller,
  startPythonPoller,
} from '../support/revocation-pollers.js'

const issuer = 'http://localhost:3000'
const ada: PolledClaims = { sub: 'ada', ver: 2, iat: 1_700_000_000 }
const [every, maxAge] = [20, 2000]

/** A reply of the feed. `age` is that of the list, in milliseconds. */
interface Feed {
  versions: Record<string, number>
  truncated?: boolean
  age?: number
  as?: { status?: number; body?: string; headers?: Record<string, string> }
}

/** A list of revocations whose content the test sets. */
async function serveFeed(t: Test) {
  let [feed, polls, conditional, open] = [{ versions: {} } as Feed, 0, 0, 0]
  const server = createServer((request, reply) => {
    polls++
    const { versions, truncated, age = 0, as = {} } = feed
    const asOf = new Date(Date.now() - age).toISOString()
    const list = {
      as_of: asOf,
      window_seconds: 660,
      versions: Object.fromEntries(
        Object.entries(versions).map(([sub, version]) => [hashOfSubject(sub), version]),
      ),
      ...(truncated && { truncated }),
    }
    const etag = `W/"${hashOfSubject(JSON.stringify([list.versions, truncated]))}"`
    const isSame = request.headers['if-none-match'] === etag
    if (isSame) conditional++
    const body = isSame ? '' : JSON.stringify(list)
    reply
      .writeHead(as.status ?? (isSame ? 304 : 200), {
        etag,
        'x-latchkey-as-of': asOf,
        ...as.headers,
      })
      .end(as.body ?? body)
  }).listen(0, 'localhost')
  server.on('connection', (socket) => {
    open++
    socket.once('close', () => open--)
  })
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    server.close().closeAllConnections()
  })
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/revocations`,
    conditional: () => conditional,
    open: () => open,
    /** Sets the list, and waits until the poller has taken it in. */
    set: async (next: Feed) => {
      feed = next
      // The second poll from now began after the change, the third shows that it was handled.
      const end = polls + 3
      const isHandled = () => polls >= end
      for (let times = 0; !isHandled(); times++) {
        if (times > 1000) throw new Error('no polls')
        await wait(5)
      }
    },
  }
}

const pollers: Record<string, (t: Test, options: PollerOptions) => Promise<Poller | null>> = {
  'Node.js': startNodePoller,
  Python: startPythonPoller,
}

for (const [language, startPoller] of Object.entries(pollers)) {
  const start = async (t: Test, options: Partial<PollerOptions> = {}, first?: Feed) => {
    const feed = await serveFeed(t)
    if (first !== undefined) void feed.set(first).catch(() => {})
    const poller = await startPoller(t, { issuer, url: feed.url, every, maxAge, ...options })
    if (poller === null) {
      const why = 'The Python example is not run: apt-get install python3-jwt python3-cryptography'
      t.not(process.env.CI, 'true', why)
      t.comment(why)
      return null
    }
    const judges = async (claims: PolledClaims, said: Judgement, name: string) => {
      t.equal(await poller.judge(claims), said, name)
    }
    return { ...feed, judges, poller }
  }

  t.test(`${language}: a token below the listed version was ended`, async (t) => {
    const started = await start(t)
    if (started === null) return
    const { set, judges, conditional } = started
    await judges(ada, 'current', 'not listed')
    await set({ versions: { ada: 3, eve: 1 } })
    await judges(ada, 'ended', 'a version below')
    await judges({ ...ada, ver: 3 }, 'current', 'the version that is listed')
    await judges({ ...ada, ver: 4 }, 'current', 'a version that is not listed yet')
    await judges({ sub: 'eve', iat: ada.iat as number }, 'ended', 'without ver it is 0')
    await judges({ sub: 'bob', iat: ada.iat as number }, 'current', 'another account')
    t.ok(conditional() > 0, 'it sends If-None-Match')
    await set({ versions: { ada: 0 } })
    await judges({ sub: 'ada', iat: ada.iat as number }, 'ended', 'kept from the former list')
  })

  t.test(`${language}: a list that lacks an entry for a moment revives no token`, async (t) => {
    const started = await start(t, { keep: 3000 })
    if (started === null) return
    const { set, judges } = started
    await set({ versions: { ada: 3 } })
    await set({ versions: {} })
    await judges(ada, 'ended', 'another server, a second behind')
    await set({ versions: { ada: 2 } })
    await judges(ada, 'ended', 'an earlier version')
    for (let times = 0; (await started.poller.judge(ada)) === 'ended'; times++) {
      if (times > 400) throw new Error('kept for ever')
      await wait(20)
    }
    await judges(ada, 'current', 'a restored backup: the version fell, and stays so')
    await judges({ ...ada, ver: 1 }, 'ended', 'by the version that is listed now')
  })

  t.test(`${language}: another document instead of the list does no lasting harm`, async (t) => {
    const started = await start(t)
    if (started === null) return
    const { set, judges } = started
    const list = { as_of: '2026-01-02T03:04:05.000Z', window_seconds: 660 }
    const documents = [{}, [], null, 1, list, { ...list, versions: null }, { versions: {} }]
    for (const [index, document] of documents.entries()) {
      // An earlier entry is kept for a minute, so each document has its account.
      const sub = `ada-${index}`
      await set({ versions: {} })
      await set({ versions: {}, as: { status: 200, body: JSON.stringify(document) } })
      await set({ versions: { [sub]: 3 } })
      await judges({ ...ada, sub }, 'ended', JSON.stringify(document))
      await judges({ ...ada, sub, ver: 3 }, 'current', JSON.stringify(document))
    }
  })

  t.test(`${language}: a long page of an error does not keep its connection`, async (t) => {
    const started = await start(t)
    if (started === null) return
    const as = { status: 503, body: 'x'.repeat(1_000_000) }
    for (let times = 0; times < 10; times++) await started.set({ versions: {}, as })
    t.ok(started.open() < 5, `${started.open()} open connections`)
  })

  for (const failOpen of [false, true]) {
    const policy = failOpen ? 'failOpen' : 'failing closed'
    const unknown = failOpen ? 'current' : 'unknown'

    t.test(`${language}: the list away or too old, ${policy}`, async (t) => {
      const started = await start(t, { failOpen })
      if (started === null) return
      const { set, judges, poller } = started
      const eve = { ...ada, sub: 'eve' }
      const cases: Record<string, NonNullable<Feed['as']> | { age: number }> = {
        'an error of the server': { status: 503, body: '{}' },
        'another page': { status: 200, body: '<html>' },
        'another document': { status: 200, body: '{}' },
        'no time': { headers: { 'x-latchkey-as-of': '' } },
        'a list that a cache has kept': { age: 60_000 },
      }
      for (const [name, as] of Object.entries(cases)) {
        await set({ versions: { eve: 3 } })
        await judges(ada, 'current', `before: ${name}`)
        await set({ versions: { eve: 3 }, ...('age' in as ? as : { as }) })
        const begin = performance.now()
        // It stays current until the list is too old.
        for (
          let said = await poller.judge(ada);
          said !== unknown || performance.now() - begin < (failOpen ? 300 : 0);
          said = await poller.judge(ada)
        ) {
          if (performance.now() - begin > 8000) throw new Error(`${name}: ${said}`)
          await wait(20)
        }
        await judges(ada, unknown, name)
        await judges(eve, 'ended', `${name}: an entry that is known`)
      }
      await set({ versions: {} })
      await judges(ada, 'current', 'the list is back')
    })

    t.test(`${language}: no list at the start, ${policy}`, async (t) => {
      const poller = await startPoller(t, {
        issuer,
        url: 'http://localhost:1/revocations',
        failOpen,
        every,
      })
      if (poller !== null) t.equal(await poller.judge(ada), unknown)
    })

    t.test(`${language}: a truncated list, ${policy}`, async (t) => {
      const missed = failOpen ? 'current' : 'ended'
      const first = { versions: { x1: 1, x2: 1 }, truncated: true }
      const started = await start(t, { failOpen, keep: 0 }, first)
      if (started === null) return
      const { set, judges } = started
      const now = () => Date.now() / 1000 + 60
      await judges(ada, missed, 'as the first list: the token may have been ended before')
      await judges({ ...ada, iat: now() }, 'current', 'a token from after the list')
      await set({ versions: { ada: 3, x2: 1 }, truncated: true })
      await set({ versions: { x3: 1, x2: 1 }, truncated: true })
      await judges({ ...ada, iat: now() }, 'ended', 'an entry that was pushed out is kept')
      await judges({ ...ada, sub: 'bob', iat: now() }, 'current', 'no gap between the lists')
      const before = { ...ada, sub: 'bob', iat: Math.floor(Date.now() / 1000) - 1 }
      await set({ versions: { x4: 1, x5: 1 }, truncated: true })
      await judges(before, missed, 'a gap')
      await judges({ ...before, iat: now() }, 'current', 'its next token')
    })
  }
}
