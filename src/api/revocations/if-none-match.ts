/**
 * Returns whether the header `If-None-Match` names an entity tag, or any (RFC 9110 §13.1.2).
 * Tags are compared weakly. Text that is not a list of tags names none.
 *
 * @param etag without a comma
 */
export function matchesEntityTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  const opaque = etag.replace(/^W\//, '')
  return header.split(',').some((part) => {
    const tag = part.trim()
    return tag === opaque || tag === `W/${opaque}`
  })
}
