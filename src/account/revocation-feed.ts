import { createHash } from 'node:crypto'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import type { Store } from '../store/open-store.js'

/** The max versions that the feed lists. With more, it lists the newest. */
export const maxVersions = 10_000

/**
 * The seconds that a version stays listed after the last token of the former version has
 * expired: 30 for the leeway of verifiers, 30 for clocks of servers that differ, and for
 * statements that are committed late.
 */
export const extraSeconds = 60

/** The max of the setting ACCESS_TOKEN_SECONDS. */
export const maxAccessTokenSeconds = 3600

/**
 * How long after its start a feed expects tokens with the max life, in milliseconds. Its
 * setting may be lower than the one before. For the first hour, a server with the former
 * setting may still run beside it, and for the second one the last tokens of that server live.
 */
export const formerTokensMilliseconds = 2 * (maxAccessTokenSeconds + extraSeconds) * 1000

/**
 * Milliseconds: the min time between two queries, the max time that a caller waits for a query
 * while there is a list, and the max age of a list that is served while queries fail.
 */
export const feedTimes = { between: 1000, wait: 500, maxAge: 10_000 }

/** The list of changed versions, as it is served. */
export interface RevocationList {
  /** The time of the query, before it began. */
  asOf: number
  /** The bytes of the JSON. */
  body: Buffer
  /** A weak entity tag. It changes only with the versions. */
  etag: string
  /** How many versions are listed. */
  count: number
}

/** The parts of a list that change only with the versions. */
interface Versions extends Pick<RevocationList, 'etag' | 'count'> {
  /** The lines of the database, and the hash of each id in them. */
  lines: string
  hashes: Map<string, string>
  windowSeconds: number
  /** The JSON after `as_of`. */
  json: Buffer
}

/** The dependencies of {@link createRevocationFeed}. */
export interface RevocationFeedParts {
  findChangedVersions: Store['findChangedVersions']
  accessTokenSeconds: number
  clock: Clock
  logger: { warn: (details: object, text: string) => void }
}

/** The versions that other services compare with the claim `ver` of tokens. */
export interface RevocationFeed {
  /**
   * Returns the list. It is renewed at most once a second, by one query at a time, whatever the
   * number of callers.
   *
   * @throws Problem `unavailable` if the database is away for longer than `feedTimes.maxAge`
   */
  read: () => Promise<RevocationList>
  /** The number of versions in the last list, and the queries that failed so far. */
  load: () => { listed: number; failed: number }
}

/** Creates the feed. Without callers it asks nothing. */
export function createRevocationFeed({
  findChangedVersions,
  accessTokenSeconds,
  clock,
  logger,
}: RevocationFeedParts): RevocationFeed {
  const startedAt = clock()
  let list: RevocationList | null = null
  let versions: Versions | null = null
  let running: { done: Promise<void>; waited: Promise<void> } | null = null
  let [begun, failed, isFailing] = [-Infinity, 0, false]
  let cause: unknown
  // A clock that was set back must not stop the feed.
  const isPast = (since: number, milliseconds: number) => {
    const age = clock() - since
    return age < 0 || age >= milliseconds
  }
  /** How far back the list goes. */
  const windowSecondsAt = (time: number) =>
    extraSeconds +
    (time - startedAt < formerTokensMilliseconds ? maxAccessTokenSeconds : accessTokenSeconds)
  const isServable = (found: RevocationList | null): found is RevocationList =>
    found !== null && !isPast(found.asOf, feedTimes.maxAge)

  const renew = async () => {
    try {
      const windowSeconds = windowSecondsAt(begun)
      const since = new Date(begun - windowSeconds * 1000)
      const lines = await findChangedVersions(since, maxVersions + 1)
      if (lines !== versions?.lines || windowSeconds !== versions.windowSeconds)
        versions = toVersions(lines, windowSeconds, versions?.hashes)
      const { etag, count, json } = versions
      const begin = Buffer.from(`{"as_of":"${new Date(begun).toISOString()}"`)
      list = { asOf: begun, body: Buffer.concat([begin, json]), etag, count }
      isFailing = false
    } catch (error) {
      cause = error
      failed++
      if (!isFailing) logger.warn({ err: error }, 'the revocation feed cannot be renewed')
      isFailing = true
    } finally {
      running = null
    }
  }
  const start = () => {
    begun = clock()
    const done = renew()
    let timer: NodeJS.Timeout
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, feedTimes.wait)
    })
    const inTime = done.finally(() => {
      clearTimeout(timer)
    })
    return { done, waited: Promise.race([inTime, late]) }
  }

  return {
    read: async () => {
      // Failed queries count too: each caller would start another one.
      if (running === null && isPast(begun, feedTimes.between)) running = start()
      if (running !== null) await (isServable(list) ? running.waited : running.done)
      if (!isServable(list)) throw new Problem('unavailable', { cause })
      return list
    },
    load: () => ({ listed: list?.count ?? 0, failed }),
  }
}

/** Returns how the feed names an account or a client: 132 bits of the hash of its `sub`. */
export function hashOfSubject(sub: string): string {
  return createHash('sha256').update(sub).digest('base64url').slice(0, 22)
}

/** @param known hashes of the previous list */
function toVersions(
  lines: string,
  windowSeconds: number,
  known: Map<string, string> = new Map(),
): Versions {
  const all = lines === '' ? [] : lines.split('\n')
  const hashes = new Map<string, string>()
  const entries = all.slice(0, maxVersions).map((line) => {
    const end = line.indexOf(' ')
    const id = line.slice(0, end)
    const hash = known.get(id) ?? hashOfSubject(id)
    hashes.set(id, hash)
    return `"${hash}":${line.slice(end + 1)}`
  })
  const truncated = all.length > maxVersions ? ',"truncated":true' : ''
  const json = `,"window_seconds":${windowSeconds},"versions":{${entries.join()}}${truncated}}`
  const tag = createHash('sha256').update(json).digest('base64url').slice(0, 22)
  return {
    lines,
    hashes,
    windowSeconds,
    json: Buffer.from(json),
    etag: `W/"${tag}"`,
    count: entries.length,
  }
}
