import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import ipaddr from 'ipaddr.js'

interface Parsed {
  address: ipaddr.IPv4 | ipaddr.IPv6
  zone: string | undefined
}

/**
 * IPv6 ranges whose addresses contain the IPv4 address of their owner, and the byte where it
 * begins: IPv4-translated, NAT64 (RFC 6052), 6to4, Teredo (which inverts it) and
 * IPv4-compatible. Counted by /64, one IPv4 address would be many networks, or all of them
 * one.
 */
const carriers = [
  { range: ipaddr.IPv6.parseCIDR('::ffff:0:0:0/96'), byte: 12, inverted: false },
  { range: ipaddr.IPv6.parseCIDR('64:ff9b::/96'), byte: 12, inverted: false },
  { range: ipaddr.IPv6.parseCIDR('2002::/16'), byte: 2, inverted: false },
  { range: ipaddr.IPv6.parseCIDR('2001::/32'), byte: 12, inverted: true },
  { range: ipaddr.IPv6.parseCIDR('::/96'), byte: 12, inverted: false },
]

/**
 * Returns the network that an address counts as: an IPv4 address, or an IPv6 /64, the size that
 * one customer gets. Returns null for text that is not an address.
 */
export function networkOf(text: string | undefined): string | null {
  const { address } = parse(text) ?? {}
  if (!(address instanceof ipaddr.IPv6)) return address?.toString() ?? null
  const isLocal = ['unspecified', 'loopback'].includes(address.range())
  const carrier = isLocal ? undefined : carriers.find(({ range }) => address.match(range))
  if (carrier === undefined)
    return `${address.parts
      .slice(0, 4)
      .map((part) => part.toString(16))
      .join(':')}::/64`
  const bytes = address.toByteArray().slice(carrier.byte, carrier.byte + 4)
  return (carrier.inverted ? bytes.map((byte) => 255 - byte) : bytes).join('.')
}

/** Returns the network of a caller. If a trusted proxy names no client, the proxy itself counts. */
export function callerNetwork({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  return networkOf(ip) ?? networkOf(socket.remoteAddress) ?? 'unknown'
}

/**
 * Creates a check whether an address belongs to a trusted proxy, in every spelling that proxies
 * use. Fastify's own check does not parse an address with a port, and would treat such a proxy
 * as the client.
 *
 * @param proxies valid addresses and CIDRs
 */
export function createProxyTrust(proxies: string[]): (text: string | undefined) => boolean {
  const ranges = proxies
    .map((proxy) => {
      const [base = '', bits] = proxy.split('/')
      const { address, zone } = parse(base) as Parsed
      const whole = address.kind() === 'ipv4' ? 32 : 128
      // A mapped range such as ::ffff:10.0.0.0/104 is an IPv4 range.
      const dropped = whole === 32 && base.includes(':') ? 96 : 0
      return { address, zone, bits: bits === undefined ? whole : Number(bits) - dropped }
    })
    .filter(({ bits }) => bits >= 0)
  return (text) => {
    const { address, zone } = parse(text) ?? {}
    if (address === undefined) return false
    return ranges.some(
      (range) =>
        range.address.kind() === address.kind() &&
        (range.zone ?? zone) === zone &&
        address.match(range.address, range.bits),
    )
  }
}

/**
 * Parses an entry of X-Forwarded-For: an address, optionally quoted, in brackets, with a port
 * or a zone. IPv4-mapped addresses become IPv4. Refuses octal and hexadecimal IPv4: programs
 * disagree on its meaning.
 */
function parse(text: string = ''): Parsed | null {
  const entry = text.trim().replace(/^"(.*)"$/, '$1')
  const [, bracketed] = /^\[([^[\]]*)\](?::(?:\d*|_[\w.-]+))?$/.exec(entry) ?? []
  // The end of an IPv6 address without brackets may look like a port. It is a port only if the
  // whole is not an address.
  const bare = [bracketed ?? entry, entry.replace(/:(?:\d*|_[\w.-]+)$/, '')].find(
    (candidate) => isIP(candidate) !== 0,
  )
  if (bare === undefined) return null
  const [plain = '', zone] = bare.split('%')
  return { address: ipaddr.process(plain), zone }
}
