import type { FastifyReply, FastifyRequest } from 'fastify'
import { formatCookie, readCookies } from '../cookies.js'
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

/** The max device tokens of a request that are read. Each may cost a signature check. */
const maxDevices = 8

/** Creates {@link Clients}. Only routes that take a password read and set the cookie. */
export function createClients({ publicUrl, deviceTokens }: ClientsDeps): Clients {
  const { protocol, pathname } = new URL(publicUrl)
  const isSecure = protocol === 'https:'
  const [name, ...formerNames] = cookieNames(isSecure, pathname)
  return {
    clientOf: (request) => {
      const devices =
        deviceTokens === undefined
          ? []
          : [name, ...formerNames].flatMap((one) => readCookies(request.headers.cookie, one))
      return {
        network: callerNetwork(request),
        devices: [...new Set(devices)].slice(0, maxDevices),
      }
    },
    rememberDevice: (reply, email) => {
      if (deviceTokens !== undefined)
        reply.header(
          'set-cookie',
          formatCookie(name, deviceTokens.issue(email), {
            path: pathname,
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
