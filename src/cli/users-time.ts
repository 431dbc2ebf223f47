const pattern =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

/** The first and last millisecond that both databases and RFC 3339 can represent: 1970 to 9999. */
const range = { first: 0, last: Date.UTC(10000) - 1 }

/**
 * Reads an RFC 3339 time with any offset, also with a space for the T. Digits after the
 * milliseconds are cut. Returns null for every other text, such as a time without an offset, 30
 * February, a leap second, or a time before 1970.
 */
export function readTime(text: string): Date | null {
  const [, day = '', time = '', fraction = '', sign = '+', hours = '0', minutes = '0'] =
    pattern.exec(text) ?? []
  const local = `${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
  const milliseconds = Date.parse(local)
  // Date.parse takes 30 February for 1 March, and 24:00 for the next day.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== local) return null
  if (Number(hours) > 23 || Number(minutes) > 59) return null
  const utc = milliseconds - Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60_000
  return utc >= range.first && utc <= range.last ? new Date(utc) : null
}
