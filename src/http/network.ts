import { isIPv6 } from 'node:net'

/** What counts as one network address: IPv6 by /64, for that is what one customer has; IPv4 also in its IPv6 spelling. */
export function networkOf (ip: string): string {
  const [, v4] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? []
  if (v4 !== undefined || !isIPv6(ip)) return v4 ?? ip
  // A URL has the one spelling of RFC 5952 §4; a group that is left out is a zero.
  const [head = '', tail] = new URL(`http://[${ip.replace(/%.*$/, '')}]/`).hostname.slice(1, -1).split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - groups.length - after.length }, () => '0')
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}
