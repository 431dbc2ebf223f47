import type { FastifyReply, FastifyRequest } from 'fastify'
import { type CookieAttributes, formatCookie, readCookies } from '../cookies.js'
import { prefixOf } from './prefix.js'

/**
 * Counts the renewals of a browser by navigation. An application that cannot see the access
 * cookie sends the person back to be renewed, again and again.
 */
export interface Renewals {
  /** Returns whether the browser was renewed so often that a further renewal is of no use. */
  isLoop: (request: FastifyRequest) => boolean
  /** Counts a renewal. */
  count: (request: FastifyRequest, reply: FastifyReply) => void
}

const name = 'latchkey-renewals'
/** The max renewals, each within `windowSeconds` after the previous one. */
const maxRenewals = 4
const windowSeconds = 10

/** Creates {@link Renewals}. The count is in a cookie. It opens nothing, so it is not signed. */
export function createRenewals({
  publicUrl,
  sameSite,
}: {
  publicUrl: string
  sameSite: 'Lax' | 'Strict'
}): Renewals {
  const attributes: CookieAttributes = {
    path: `${prefixOf(publicUrl)}/refresh`,
    secure: publicUrl.startsWith('https:'),
    sameSite: sameSite === 'Lax' ? 'lax' : 'strict',
    maxAge: windowSeconds,
  }
  // A sibling sub-domain can add a cookie. It must not hide the count.
  const read = ({ headers }: FastifyRequest) =>
    Math.max(
      0,
      ...readCookies(headers.cookie, name).map((value) =>
        /^[1-9]$/.test(value) ? Number(value) : 0,
      ),
    )
  return {
    isLoop: (request) => read(request) >= maxRenewals,
    count: (request, reply) => {
      reply.header('set-cookie', formatCookie(name, String(read(request) + 1), attributes))
    },
  }
}
