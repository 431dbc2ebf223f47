import { stringifySetCookie } from 'cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Client } from './attempts.js'
import type { DeviceTokens } from '../tokens/device-token.js'
import { deviceSeconds } from '../tokens/lifetimes.js'
import { callerNetwork } from './network.js'

/** Distinguishes callers by network and by device. */
export interface Clients {
  /** Returns the network of a request and the device tokens that it contains. */
  clientOf: (request: FastifyRequest) => Client
  /**
   * Sets a cookie with a device token for an address. Call it only after its owner has proven
   * the address.
   */
  rememberDevice: (reply: FastifyReply, email: string) => void
}

/** The response header that remembers a device, for the contract. */
export const deviceHeader = {
  'Set-Cookie': {
    type: 'string',
    description:
      'A device token. Login attempts with it are counted apart from those of strangers. It grants no access. Not sent with `RATE_LIMITS=off`',
  },
} as const

/** The dependencies of {@link createClients}. */
export interface ClientsDeps {
  publicUrl: string
  /** Undefined remembers no device. */
  deviceTokens: DeviceTokens | undefined
}

/** The max cookies of a request that are read. Each may cost a signature check. */
const maxCookies = 8

/** Creates {@link Clients}. Only routes that take a password read and set the cookie. */
export function createClients({ publicUrl, deviceTokens }: ClientsDeps): Clients {
  const { protocol, pathname } = new URL(publicUrl)
  const isSecure = protocol === 'https:'
  const [name, ...formerNames] = cookieNames(isSecure, pathname)
  return {
    clientOf: (request) => {
      const cookies = deviceTokens === undefined ? [] : readCookies(request.headers.cookie)
      const devices = [name, ...formerNames].flatMap((wanted) =>
        cookies.filter(([given]) => given === wanted).map(([, value]) => value),
      )
      return {
        network: callerNetwork(request),
        devices: [...new Set(devices)].slice(0, maxCookies),
      }
    },
    rememberDevice: (reply, email) => {
      if (deviceTokens !== undefined)
        reply.header(
          'set-cookie',
          stringifySetCookie({
            name,
            value: deviceTokens.issue(email),
            path: pathname,
            httpOnly: true,
            secure: isSecure,
            sameSite: 'strict',
            maxAge: deviceSeconds,
          }),
        )
    },
  }
}

/**
 * Returns the name of the cookie, and the names of former versions. Browsers accept both
 * prefixes only over https. A `__Host-` cookie must have the path `/`, and no other sub-domain
 * can set it.
 *
 * @param path the path that the browser sees
 */
function cookieNames(isSecure: boolean, path: string): [name: string, ...formerNames: string[]] {
  if (!isSecure) return ['latchkey-device']
  return path === '/'
    ? ['__Host-latchkey-device', '__Secure-latchkey-device']
    : ['__Secure-latchkey-device']
}

// The `cookie` package keeps only the first of several cookies with one name. A sibling sub-domain
// can put a bad one before ours (RFC 6265 §8.6). Tokens need no decoding.
function readCookies(header = ''): Array<[name: string, value: string]> {
  return header.split(';').map((cookie) => {
    const [name = '', ...value] = cookie.split('=')
    return [name.trim(), value.join('=').trim()]
  })
}
