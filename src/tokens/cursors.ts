import { createHmac, timingSafeEqual } from 'node:crypto'
import { deriveKey } from '../keys/derived-key.js'
import type { KeyRing } from '../keys/key-ring.js'

/** The place in a list where its next page begins. */
export type Position = ReadonlyArray<string | number>

/**
 * Opaque texts that continue a list. Each is authenticated, and belongs to one query. It ends
 * when the oldest signing key is removed.
 */
export interface Cursors {
  /** @param query a text that names the list and its filters */
  seal: (query: string, position: Position) => string
  /** Returns the position of a cursor of this query; null for every other text. */
  open: (query: string, cursor: string) => Position | null
}

/** 128 bits of HMAC-SHA-256, as RFC 2104 §5 allows. */
const macBytes = 16

/** Creates {@link Cursors}. Replicas with the same keys read each other's cursors. */
export function createCursors(ring: KeyRing): Cursors {
  const macOf = (query: string, position: Buffer) =>
    createHmac('sha256', deriveKey(ring.oldestKey(), 'list cursors'))
      .update(`${JSON.stringify(query)}\n`)
      .update(position)
      .digest()
      .subarray(0, macBytes)
  return {
    seal: (query, position) => {
      const bytes = Buffer.from(JSON.stringify(position))
      return Buffer.concat([macOf(query, bytes), bytes]).toString('base64url')
    },
    open: (query, cursor) => {
      const bytes = Buffer.from(cursor, 'base64url')
      if (bytes.length <= macBytes || bytes.toString('base64url') !== cursor) return null
      const position = bytes.subarray(macBytes)
      if (!timingSafeEqual(macOf(query, position), bytes.subarray(0, macBytes))) return null
      return JSON.parse(position.toString()) as Position
    },
  }
}
