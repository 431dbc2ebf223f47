import { createHash } from 'node:crypto'
import t from 'tap'
import {
  createRevocationFeed,
  extraSeconds,
  feedTimes,
  formerTokensMilliseconds,
  maxAccessTokenSeconds,
  maxVersions,
} from '../../src/account/revocation-feed.js'
import { Problem } from '../../src/errors.js'
import { Settings } from '../../src/settings.js'

const start = Date.parse('2026-01-02T03:04:05.678Z')
const ada = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1'
const eve = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd2'
const hashOf = (sub: string) =>
  Buffer.from(createHash('sha256').update(sub).digest()).toString('base64url').slice(0, 22)

/** A feed whose queries the test answers. */
function setUp() {
  const time = { now: start }
  const queries: Array<{
    since: Date
    count: number
    answer: (lines: string) => void
    fail: (error: Error) => void
  }> = []
  const warnings: string[] = []
  const feed = createRevocationFeed({
    findChangedVersions: async (since, count) =>
      await new Promise((resolve, reject) => {
        queries.push({ since, count, answer: resolve, fail: reject })
      }),
    accessTokenSeconds: 600,
    clock: () => time.now,
    logger: { warn: (_details, text) => warnings.push(text) },
  })
  const last = () => queries.at(-1) as (typeof queries)[number]
  /** Reads a list while the database answers at once. */
  const readWith = async (lines: string) => {
    const reading = feed.read()
    last().answer(lines)
    return await reading
  }
  const failOnce = async () => {
    const reading = feed.read()
    last().fail(new Error('gone'))
    return await reading
  }
  return { time, queries, warnings, feed, last, readWith, failOnce }
}
const json = ({ body }: { body: Buffer }) => JSON.parse(body.toString()) as object

t.test('the list has the hashes, the versions and the time before the query', async (t) => {
  const { feed, queries, readWith, time } = setUp()
  t.strictSame(feed.load(), { listed: 0, failed: 0 })
  const list = await readWith(`${ada} 3\n${eve} 1`)
  t.strictSame(json(list), {
    as_of: '2026-01-02T03:04:05.678Z',
    window_seconds: 3660,
    versions: { [hashOf(ada)]: 3, [hashOf(eve)]: 1 },
  })
  t.match(list.etag, /^W\/"[\w-]{22}"$/)
  t.strictSame(
    queries.map(({ since, count }) => [since.getTime(), count]),
    [[start - 3_660_000, maxVersions + 1]],
  )
  t.strictSame(feed.load(), { listed: 2, failed: 0 })

  time.now += 1000
  const next = await readWith(`${ada} 3\n${eve} 1`)
  t.equal(next.etag, list.etag, 'only the time differs')
  t.match(json(next), { as_of: '2026-01-02T03:04:06.678Z' })
  time.now += 1000
  t.not((await readWith(`${ada} 4\n${eve} 1`)).etag, list.etag)
  time.now += 1000
  t.match(json(await readWith('')), { versions: {} })
})

t.test(
  'tokens from before a lower ACCESS_TOKEN_SECONDS are covered until they expire',
  async (t) => {
    t.match(Settings.properties.ACCESS_TOKEN_SECONDS, { maximum: maxAccessTokenSeconds })
    const { queries, readWith, time } = setUp()
    const first = await readWith(`${ada} 1`)
    // In its second hour, tokens of a server that ended in the first one are still valid.
    time.now = start + formerTokensMilliseconds - 1
    const last = await readWith(`${ada} 1`)
    t.equal(last.etag, first.etag)
    t.match(json(last), { window_seconds: maxAccessTokenSeconds + extraSeconds })
    time.now += 1001
    const next = await readWith(`${ada} 1`)
    t.match(json(next), { window_seconds: 600 + extraSeconds, versions: { [hashOf(ada)]: 1 } })
    t.not(next.etag, first.etag, 'the window is part of the list')
    t.strictSame(
      queries.map(({ since }) => since.getTime()),
      [start - 3_660_000, start + formerTokensMilliseconds - 3_660_001, time.now - 660_000],
    )
    time.now = start - 1000
    t.match(json(await readWith(`${ada} 1`)), { window_seconds: 3660 }, 'the clock was set back')
  },
)

t.test('one query at a time and one a second, whatever the number of callers', async (t) => {
  const { feed, queries, readWith, last, time } = setUp()
  const many = async () =>
    await Promise.all(Array.from({ length: 500 }, async () => await feed.read()))
  const first = many()
  t.equal(queries.length, 1)
  last().answer('')
  t.equal(new Set(await first).size, 1)
  await many()
  time.now += feedTimes.between - 1
  await many()
  t.equal(queries.length, 1, 'within a second')
  time.now += 1
  const second = many()
  t.equal(queries.length, 2)
  time.now += 5000
  const third = many()
  t.equal(queries.length, 2, 'a slow query is not repeated')
  last().answer(`${ada} 1`)
  await second
  t.match(json((await third)[0] as { body: Buffer }), { versions: { [hashOf(ada)]: 1 } })
  await readWith('')
  t.equal(queries.length, 3)
})

t.test('failed queries are not repeated within the second either', async (t) => {
  const { feed, queries, time, failOnce, warnings } = setUp()
  const isAway = async () => {
    await t.rejects(feed.read(), { code: 'unavailable', cause: { message: 'gone' } })
  }
  await t.rejects(failOnce(), Problem)
  for (let times = 0; times < 50; times++) await isAway()
  t.equal(queries.length, 1)
  time.now += 1000
  await t.rejects(failOnce())
  t.equal(queries.length, 2)
  t.strictSame(feed.load(), { listed: 0, failed: 2 })
  t.equal(warnings.length, 1, 'failures in a row are logged once')
})

t.test('a slow query delays callers for half a second', async (t) => {
  const { feed, readWith, last, time } = setUp()
  const list = await readWith(`${ada} 1`)
  time.now += 1000
  const begin = performance.now()
  t.equal(await feed.read(), list, 'the former list')
  t.ok(performance.now() - begin >= feedTimes.wait - 50)
  const again = performance.now()
  t.equal(await feed.read(), list)
  t.ok(performance.now() - again < feedTimes.wait / 2, 'the next callers do not wait again')
  const timedOut = last()
  time.now += feedTimes.maxAge
  const waiting = feed.read()
  timedOut.fail(new Error('gone'))
  await t.rejects(waiting, { code: 'unavailable' }, 'too old to be served')
})

t.test('with the database away, the list is served for ten seconds', async (t) => {
  const { feed, time, readWith, failOnce, warnings } = setUp()
  const list = await readWith(`${ada} 1`)
  time.now += 9999
  t.equal(await failOnce(), list)
  t.equal(await feed.read(), list)
  time.now += 1
  await t.rejects(feed.read(), { code: 'unavailable' })
  time.now += 999
  await t.rejects(failOnce(), { code: 'unavailable' })
  time.now += 1000
  t.match(json(await readWith(`${ada} 2`)), { versions: { [hashOf(ada)]: 2 } })
  time.now += 1000
  await failOnce()
  t.equal(warnings.length, 2, 'once for each time that it was away')
})

t.test('a clock that was set back does not freeze the list', async (t) => {
  const { readWith, time, feed, queries } = setUp()
  await readWith(`${ada} 1`)
  time.now -= 3_600_000
  t.match(json(await readWith(`${ada} 2`)), {
    as_of: '2026-01-02T02:04:05.678Z',
    versions: { [hashOf(ada)]: 2 },
  })
  time.now += 7_200_000
  const reading = feed.read()
  queries.at(-1)?.answer(`${ada} 3`)
  t.match(json(await reading), { versions: { [hashOf(ada)]: 3 } })
})

t.test('beyond the maximum the newest are listed', async (t) => {
  const { readWith, feed, time } = setUp()
  const lines = Array.from({ length: maxVersions + 1 }, (_, index) => `client-${index} ${index}`)
  const list = await readWith(lines.join('\n'))
  const { versions, truncated } = json(list) as { versions: object; truncated: boolean }
  t.equal(Object.keys(versions).length, maxVersions)
  t.equal(truncated, true)
  t.match(versions, { [hashOf('client-0')]: 0 })
  t.notOk(hashOf(`client-${maxVersions}`) in versions, 'the oldest is left out')
  t.equal(feed.load().listed, maxVersions)
  time.now += 1000
  const full = await readWith(lines.slice(0, -1).join('\n'))
  t.notOk('truncated' in json(full), 'exactly as many as fit')
  t.not(full.etag, list.etag, 'the same versions, but now all of them')
})
