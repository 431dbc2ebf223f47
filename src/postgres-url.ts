/** A URL of PostgreSQL, as Latchkey uses it. */
export interface PostgresUrl {
  /** A URL for each host, in the order of the setting. The driver understands each. */
  urls: string[]
  /** The max connections of the pool (`connection_limit`); null for the default of the driver. */
  maxConnections: number | null
  /** The schema of the tables (`schema`, as in Prisma's URLs); null for that of the connection. */
  schema: string | null
  /** The hosts and the database, without user, password and parameters, for people and logs. */
  name: string
  /** The parameters that have no effect, by their names. */
  ignored: string[]
}

/** The parameters that the driver uses. */
const used = new Set(
  'user password host port ssl sslmode sslcert sslkey sslrootcert sslnegotiation uselibpqcompat application_name client_encoding options statement_timeout lock_timeout idle_in_transaction_session_timeout'.split(
    ' ',
  ),
)

/**
 * Parameters of libpq and Prisma that hosted databases put into their URLs. They have no effect
 * here, or none is needed.
 */
const ignorable = new Set(
  'channel_binding connect_timeout fallback_application_name gssencmode hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts passfile pgbouncer pool_timeout require_auth socket_timeout ssl_max_protocol_version ssl_min_protocol_version sslaccept sslcertmode sslcompression sslcrl sslcrldir sslidentity sslsni statement_cache_size tcp_user_timeout'.split(
    ' ',
  ),
)

/** A misspelled one must not mean something else. The driver does not check. */
const sslModes = [
  null,
  ...'allow disable no-verify prefer require verify-ca verify-full'.split(' '),
]

/** Latchkey writes, so every host that is not writable is passed over. */
const sessions = ['any', 'primary', 'read-write']

/**
 * Reads a postgresql: URL. Like libpq it takes several hosts:
 * `postgresql://user:password@one:5432,two:5432/name`. Returns null if it is not valid, or has
 * an unknown parameter or `sslmode`, which is likely a misspelled one.
 */
export function readPostgresUrl(text: string): PostgresUrl | null {
  const [, scheme, credentials = '', authority = '', path = '', search = ''] =
    /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([^/?#@]*)([^?#]*)(\?[^#]*)?$/.exec(text) ?? []
  if (scheme === undefined) return null
  const parameters = new URLSearchParams(search)
  const ignored = [...parameters.keys()].filter((name) => ignorable.has(name))
  const limit = parameters.get('connection_limit')
  const session = parameters.get('target_session_attrs')
  if (session !== null && !sessions.includes(session)) return null
  if (!sslModes.includes(parameters.get('sslmode'))) return null
  if (limit !== null && !/^[1-9]\d{0,3}$/.test(limit)) return null
  const schema = parameters.get('schema')
  for (const name of [...ignored, 'connection_limit', 'schema', 'target_session_attrs'])
    parameters.delete(name)
  if ([...parameters.keys()].some((name) => !used.has(name))) return null
  const hosts = readHosts(authority, parameters)
  if (hosts === null) return null
  const urls = hosts.map(({ host, port }) => {
    const own = new URLSearchParams(parameters)
    // The path of a socket is no host of a URL.
    const isSocket = host.startsWith('/')
    if (isSocket) own.set('host', host)
    if (isSocket && port !== '') own.set('port', port)
    const place = isSocket ? '' : `${host}${port === '' ? '' : `:${port}`}`
    // URLSearchParams writes a space as +, which the driver does not decode.
    const query = own.toString().replaceAll('+', '%20')
    return `${scheme}${credentials}${place}${path}${query === '' ? '' : `?${query}`}`
  })
  if (!urls.every((url) => URL.canParse(url.replace('@/', '@localhost/')))) return null
  return {
    urls,
    maxConnections: limit === null ? null : Number(limit),
    schema: schema || null,
    name: `${scheme}${hosts.map(({ host, port }) => host + (port && `:${port}`)).join(',')}${path}`,
    ignored,
  }
}

interface Place {
  host: string
  port: string
}

/**
 * Returns the hosts of the authority, or else of the parameters `host` and `port`, and removes
 * these. One port counts for every host.
 */
function readHosts(authority: string, parameters: URLSearchParams): Place[] | null {
  const named = parameters.get('host')
  const ports = (parameters.get('port') ?? '').split(',')
  parameters.delete('host')
  parameters.delete('port')
  if (named === null)
    return readPlaces(
      authority.split(',').map((place, index) => {
        const [, host = '', port = ''] = /^(\[[0-9a-fA-F:.]+\]|[^:]*)(?::(\d*))?$/.exec(place) ?? []
        return { host, port: port || (ports[ports.length === 1 ? 0 : index] ?? '') }
      }),
      authority,
    )
  // As in the driver, the parameter takes precedence over the authority.
  const hosts = named.split(',')
  if (ports.length > 1 && ports.length !== hosts.length) return null
  return readPlaces(
    hosts.map((host, index) => ({
      host: host.includes(':') ? `[${host}]` : host,
      port: String(ports[ports.length === 1 ? 0 : index]),
    })),
    named,
  )
}

// An empty host is the socket or the local machine: it stands alone.
function readPlaces(places: Place[], text: string): Place[] | null {
  const isRight = places.every(
    ({ host, port }) =>
      (host !== '' || text === '') && /^\d{0,5}$/.test(port) && Number(port) < 65536,
  )
  return isRight ? places : null
}

/** Returns a URL of {@link PostgresUrl.urls} with another value of a parameter. */
export function withParameter(
  url: string,
  name: string,
  value: (present: string) => string,
): string {
  const [place = '', search] = url.split('?')
  const parameters = new URLSearchParams(search)
  parameters.set(name, value(parameters.get(name) ?? ''))
  return `${place}?${parameters.toString().replaceAll('+', '%20')}`
}
