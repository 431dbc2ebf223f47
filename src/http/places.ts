import { parseCookie, stringifySetCookie } from 'cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Place } from '../attempts.js'
import type { DeviceTokens } from '../tokens/device.js'
import { deviceSeconds } from '../tokens/lives.js'
import { networkOf } from './network.js'

/** Knows from where a request comes, and has a device remembered. */
export interface Places {
  of: (request: FastifyRequest) => Place
  /** Gives the caller, who has just proven to be the owner of the address, a device token for it. */
  remember: (reply: FastifyReply, email: string) => void
}

/** The header of an answer that has a device remembered, for the contract. */
export const deviceHeader = { 'set-cookie': { type: 'string', description: 'A device token: attempts to log in with it are counted apart from those of strangers. It opens nothing. Not with `RATE_LIMITS=off`' } } as const

/** What {@link createPlaces} needs; without `deviceTokens` no device is remembered. */
export interface PlacesDeps { publicUrl: string, deviceTokens: DeviceTokens | undefined }

/** Cookies are looked at and set where a password is, and nowhere else. */
export function createPlaces ({ publicUrl, deviceTokens }: PlacesDeps): Places {
  const { protocol, pathname } = new URL(publicUrl)
  const isSecure = protocol === 'https:'
  // Browsers take a __Secure- cookie and `Secure` over https alone. The path is the one that the browser sees.
  const name = isSecure ? '__Secure-latchkey-device' : 'latchkey-device'
  return {
    of: (request) => ({ network: networkOf(request.ip), device: deviceTokens && parseCookie(request.headers.cookie ?? '')[name] }),
    remember: (reply, email) => {
      if (deviceTokens !== undefined) reply.header('set-cookie', stringifySetCookie({ name, value: deviceTokens.issue(email), path: pathname, httpOnly: true, secure: isSecure, sameSite: 'strict', maxAge: deviceSeconds }))
    }
  }
}
