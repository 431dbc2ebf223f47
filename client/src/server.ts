import { prove } from './dpop.js'
import { LatchkeyError } from './error.js'
import { readReply, unreached } from './reply.js'
import type { Login } from './storage.js'

/** The credentials of a request. */
export type Credentials = Pick<Login, 'access' | 'key'>

/** The longest time for a call of the client itself, in milliseconds. */
const timeoutMs = 15_000

/** Sends requests. */
export interface Server {
  /** Returns the absolute URL of a path of the API. */
  urlOf: (path: string) => string
  /**
   * Requires a URL that may get the token: on the origin of the API, or on one of `origins`.
   *
   * @throws LatchkeyError `foreign_origin`
   */
  requireKnown: (input: RequestInfo | URL) => void
  /**
   * Sends a request with credentials. A key proves it, and once more with the nonce that the
   * server asks for, unless the body can be sent only once (RFC 9449 §8).
   *
   * @throws LatchkeyError `network`; an abort by the caller as it is
   */
  send: (
    input: RequestInfo | URL,
    init: RequestInit | undefined,
    credentials: Credentials | null,
  ) => Promise<Response>
  /**
   * Calls a public route of the API with JSON.
   *
   * @param key proves the request, so that the tokens of the reply are bound to it
   * @param signal ends the call
   * @throws LatchkeyError with the code of the problem; `network`
   */
  post: (
    path: string,
    body: object | undefined,
    options?: { key?: CryptoKeyPair | undefined; signal?: AbortSignal },
  ) => Promise<unknown>
}

/** Returns whether a request has a body that can be sent only once. */
export const isStream = (init: RequestInit | undefined): boolean =>
  init?.body instanceof ReadableStream

/** Creates {@link Server}. Nothing of the page is touched before the first request. */
export function createServer({
  url,
  origins,
  inCookies,
}: {
  url: string
  origins: readonly string[]
  inCookies: boolean
}): Server {
  const nonces: Record<string, string | undefined> = {}
  const absolute = (input: string | URL) => new URL(input, globalThis.document?.baseURI)
  const urlOf = (path: string) => absolute(url + path).href

  const send: Server['send'] = async (input, init, credentials) => {
    const { access, key } = credentials ?? {}
    const attempt = async () => {
      // A body is sent once, and may be needed again.
      const request = new Request(input instanceof Request ? input.clone() : input, {
        ...init,
        ...(inCookies && credentials && { credentials: 'include' }),
      })
      const { headers, method, url, signal } = request
      const { origin } = new URL(url)
      if (access) headers.set('authorization', `${key ? 'DPoP' : 'Bearer'} ${access}`)
      if (key) headers.set('dpop', await prove(key, { method, url, access, nonce: nonces[origin] }))
      const response = await fetch(request).catch((cause: unknown) => {
        throw signal.aborted ? cause : unreached(cause)
      })
      nonces[origin] = response.headers.get('dpop-nonce') ?? nonces[origin]
      return response
    }
    const response = await attempt()
    return key && !isStream(init) && (await isNonceMissing(response)) ? await attempt() : response
  }

  return {
    urlOf,
    requireKnown: (input) => {
      const target = input instanceof Request ? input.url : input
      const isKnown = (one: string) => absolute(one).origin === absolute(target).origin
      if (!URL.canParse(target, globalThis.document?.baseURI) || ![url, ...origins].some(isKnown))
        throw new LatchkeyError('foreign_origin', `No token for ${target}: see "origins".`)
    },
    send,
    post: async (path, body, { key, signal } = {}) => {
      const timeout = AbortSignal.timeout(timeoutMs)
      const init: RequestInit = {
        ...jsonInit('POST', body),
        // A logout is sent also if the page is left.
        keepalive: path === '/logout',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      }
      try {
        return await readReply(await send(urlOf(path), init, { key }))
      } catch (error) {
        throw error instanceof LatchkeyError ? error : unreached(error)
      }
    },
  }
}

/**
 * Returns the options of a request of the client itself, with JSON. The cookies are that of a
 * known device, and those with the tokens, if there are such.
 */
export const jsonInit = (method: string, body: object | undefined): RequestInit => ({
  method,
  credentials: 'include',
  ...(body && {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }),
})

async function isNonceMissing(response: Response): Promise<boolean> {
  if (![400, 401].includes(response.status) || !response.headers.has('dpop-nonce')) return false
  return (await response.clone().text()).includes('use_dpop_nonce')
}
