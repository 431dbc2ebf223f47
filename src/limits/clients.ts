import { stringifySetCookie } from 'cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Client } from './attempts.js'
import type { DeviceTokens } from '../tokens/device-token.js'
import { deviceSeconds } from '../tokens/lifetimes.js'
import { callerNetwork } from './network.js'

/** Tells callers apart, by network and by device. */
export interface Clients {
  /** The network of a request and the device tokens it carries. */
  clientOf: (request: FastifyRequest) => Client
  /** Sets a cookie with a device token for an address. Call it only for its proven owner. */
  rememberDevice: (reply: FastifyReply, email: string) => void
}

/** The header of an answer that has a device remembered, for the contract. */
export const deviceHeader = {
  'set-cookie': {
    type: 'string',
    description:
      'A device token: attempts to log in with it are counted apart from those of strangers. It opens nothing. Not with `RATE_LIMITS=off`',
  },
} as const

/** What {@link createClients} needs; without `deviceTokens` no device is remembered. */
export interface ClientsDeps {
  publicUrl: string
  deviceTokens: DeviceTokens | undefined
}

/** The most cookies of a request that are looked at: each may cost a look at a signature. */
const mostCookies = 8

/** Cookies are looked at and set where a password is, and nowhere else. */
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
        devices: [...new Set(devices)].slice(0, mostCookies),
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
 * The name of the cookie, and those of former versions. Browsers take both prefixes over https
 * alone; one with `__Host-` must have the path `/`, and no other sub-domain can set it. The
 * path is the one that the browser sees.
 */
function cookieNames(isSecure: boolean, path: string): [name: string, ...formerNames: string[]] {
  if (!isSecure) return ['latchkey-device']
  return path === '/'
    ? ['__Host-latchkey-device', '__Secure-latchkey-device']
    : ['__Secure-latchkey-device']
}

// The `cookie` package keeps the first of those with one name. A sub-domain beside this one can put
// a bad one before ours (RFC 6265 §8.6). No token needs decoding.
function readCookies(header = ''): Array<[name: string, value: string]> {
  return header.split(';').map((cookie) => {
    const [name = '', ...value] = cookie.split('=')
    return [name.trim(), value.join('=').trim()]
  })
}
