import { prove } from './dpop.js'
import { LatchkeyError } from './error.js'
import { errorOf, readReply } from './reply.js'
import type { Login } from './storage.js'

/** The credentials of a request. */
export type Credentials = Pick<Login, 'access' | 'key'>

/** The longest time for a call of the client itself, in milliseconds. */
const timeoutMs = 15_000

/** Sends requests. */
export interface Server {
  /**
   * Returns a request as the caller means it now. Its URL may get the token: it is on the
   * origin of the API, or on one of `origins`.
   *
   * @throws LatchkeyError `foreign_origin`
   * @throws TypeError if there can be no such request
   */
  requestOf: Fetch<Request>
  /**
   * Sends a request with credentials. A key proves it, and once more with the nonce that the
   * server asks for (RFC 9449 §8).
   *
   * @param credentials null: as `request` has them; undefined: not even cookies
   * @param isOnce whether the body can be sent only once
   * @throws the error of `fetch`
   */
  send: (
    request: Request,
    credentials: Credentials | null | undefined,
    isOnce?: boolean,
  ) => Promise<Response>
  /**
   * Calls a route of the API with JSON. The cookies are that of a known device, and those with
   * the tokens, if there are such.
   *
   * @param signal ends the call
   * @throws LatchkeyError with the code of the problem; `network`
   */
  call: (
    fetch: Fetch<Promise<Response>>,
    method: string,
    path: string,
    body: object | undefined,
    signal?: AbortSignal,
  ) => Promise<unknown>
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
    key?: CryptoKeyPair,
    signal?: AbortSignal,
  ) => Promise<unknown>
}

/** Takes what `fetch` takes. */
export type Fetch<Result> = (input: RequestInfo | URL, init?: RequestInit) => Result

/** Creates {@link Server}. Nothing of the page is touched before the first request. */
export function createServer({
  url: base,
  origins,
  inCookies,
}: {
  url: string
  origins: readonly string[]
  inCookies: boolean
}): Server {
  const nonces: Record<string, string | undefined> = {}

  const send: Server['send'] = async (request, credentials, isOnce) => {
    const { access, key } = credentials ?? {}
    const { method, url } = request
    const { origin } = new URL(url)
    const attempt = async () => {
      // A body is sent once, and may be needed again.
      const sent = new Request(
        isOnce ? request : request.clone(),
        inCookies && credentials !== null ? { credentials: credentials ? 'include' : 'omit' } : {},
      )
      const { headers } = sent
      if (access) headers.set('authorization', `${key ? 'DPoP' : 'Bearer'} ${access}`)
      if (key) headers.set('dpop', await prove(key, { method, url, access, nonce: nonces[origin] }))
      const response = await fetch(sent)
      nonces[origin] = response.headers.get('dpop-nonce') ?? nonces[origin]
      return response
    }
    const response = await attempt()
    return key && !isOnce && (await isNonceMissing(response)) ? await attempt() : response
  }

  const call: Server['call'] = async (fetch, method, path, body, signal) => {
    try {
      const timeout = AbortSignal.timeout(timeoutMs)
      const response = await fetch(base + path, {
        method,
        credentials: 'include',
        // A logout is sent also if the page is left.
        keepalive: path === '/logout',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        ...(body && {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      })
      return await readReply(response)
    } catch (error) {
      throw errorOf(error)
    }
  }

  return {
    requestOf: (input, init) => {
      const originOf = (one: string) => new URL(new Request(one).url).origin
      // A copy, for an object may change, or not be what it looks like.
      const request = new Request(input, init)
      if ([base, ...origins].some((one) => originOf(one) === originOf(request.url))) return request
      throw new LatchkeyError('foreign_origin', `No token for ${request.url}: see "origins".`)
    },
    send,
    call,
    post: (path, body, key, signal) =>
      call((input, init) => send(new Request(input, init), { key }), 'POST', path, body, signal),
  }
}

async function isNonceMissing(response: Response): Promise<boolean> {
  const { ok, headers } = response
  const isAsked = !ok && headers.has('dpop-nonce')
  return isAsked && (await response.clone().text()).includes('use_dpop_nonce')
}
