/** Redis behind Sentinel: which sentinels know where the primary is. */
export interface SentinelUrl {
  sentinels: Array<{ host: string; port: number }>
  /** The name of the primary, as the sentinels know it. */
  name: string
  username?: string
  password?: string
  sentinelUsername?: string
  sentinelPassword?: string
  db: number
  /** Whether connections to Redis and to the sentinels use TLS. */
  isEncrypted: boolean
}

const defaultPort = '26379'

/**
 * Reads a URL of Redis behind Sentinel:
 * `redis+sentinel://user:password@one:26379,two:26379/name/0`. User and password are those of
 * Redis; the parameters `sentinel_username` and `sentinel_password` are those of the sentinels.
 * Returns null if the URL is another one, or not valid.
 */
export function readSentinelUrl(text: string): SentinelUrl | null {
  const [, scheme, credentials = '', places = '', name = '', db = '0', search = ''] =
    /^(rediss?)\+sentinel:\/\/(?:([^/?#]*)@)?([^/?#@]+)\/([\w.-]+)(?:\/(\d{1,4}))?(\?[^#]*)?$/.exec(
      text,
    ) ?? []
  if (scheme === undefined) return null
  const sentinels = places.split(',').map((place) => {
    const [, host = '', port = defaultPort] =
      /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(place) ?? []
    return { host: host.replace(/[[\]]/g, ''), port: Number(port) }
  })
  const isRight = sentinels.every(({ host, port }) => host !== '' && port > 0 && port < 65536)
  const parameters = new URLSearchParams(search)
  const known = ['sentinel_username', 'sentinel_password']
  if (!isRight || [...parameters.keys()].some((key) => !known.includes(key))) return null
  const [username = '', password = ''] = splitOnce(credentials, ':').map(decodeURIComponent)
  const [sentinelUsername, sentinelPassword] = known.map((key) => parameters.get(key))
  return {
    sentinels,
    name,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
    db: Number(db),
    isEncrypted: scheme === 'rediss',
  }
}

function splitOnce(text: string, separator: string): string[] {
  const index = text.indexOf(separator)
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}
