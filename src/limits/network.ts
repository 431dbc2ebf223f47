import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import ipaddr from 'ipaddr.js'

interface Parsed {
  address: ipaddr.IPv4 | ipaddr.IPv6
  zone: string | undefined
}

/**
 * IPv6 ranges whose addresses carry the IPv4 address of their owner, and the byte where it
 * begins: IPv4-translated, IPv4-compatible, NAT64 (RFC 6052), 6to4 and Teredo, which inverts
 * it. Counted by /64, one IPv4 address would be many networks, or all of them one.
 */
const carriers = [
  { range: ipaddr.IPv6.parseCIDR('::ffff:0:0:0/96'), byte: 12, inverted: false },
  { range: ipaddr.IPv6.parseCIDR('64:ff9b::/96'), byte: 12, inverted: false },
  { range: ipaddr.IPv6.parseCIDR('2002::/16'), byte: 2, inverted: false },
  { range: ipaddr.IPv6.parseCIDR('2001::/32'), byte: 12, inverted: true },
  { range: ipaddr.IPv6.parseCIDR('::/96'), byte: 12, inverted: false },
]

/**
 * The network that an address counts as: an IPv4 address, or an IPv6 /64, which is what one
 * customer has. Null for text that is no address.
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

/** The network of a caller. Where a trusted proxy names none, the proxy itself counts. */
export function callerNetwork({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  return networkOf(ip) ?? networkOf(socket.remoteAddress) ?? 'unknown'
}

/**
 * Tells whether an address is a trusted proxy's, in every spelling that proxies write.
 * Fastify's own check does not know an address with a port, and would take such a proxy for the
 * client.
 *
 * @param proxies addresses and CIDRs, already checked
 */
export function createProxyTrust(proxies: string[]): (text: string | undefined) => boolean {
  const ranges = proxies
    .map((proxy) => {
      const [base = '', bits] = proxy.split('/')
      const { address, zone } = parse(base) as Parsed
      const whole = address.kind() === 'ipv4' ? 32 : 128
      // A mapped range such as ::ffff:10.0.0.0/104 is one of IPv4.
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
 * Reads an entry of X-Forwarded-For: an address, also quoted, in brackets, with a port or a
 * zone. IPv4-mapped addresses become IPv4. Octal and hexadecimal IPv4 is refused: programs
 * disagree on its meaning.
 */
function parse(text: string = ''): Parsed | null {
  const entry = text.trim().replace(/^"(.*)"$/, '$1')
  const [, bracketed] = /^\[([^[\]]*)\](?::(?:\d*|_[\w.-]+))?$/.exec(entry) ?? []
  // An IPv6 address without brackets may end in what looks like a port: it is one only where
  // nothing else fits.
  const bare = [bracketed ?? entry, entry.replace(/:(?:\d*|_[\w.-]+)$/, '')].find(
    (candidate) => isIP(candidate) !== 0,
  )
  if (bare === undefined) return null
  const [plain = '', zone] = bare.split('%')
  return { address: ipaddr.process(plain), zone }
}
