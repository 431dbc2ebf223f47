import { Problem } from '../errors.js'

/** Creates the problem for a bad DPoP proof; the detail is for the developer of the client. */
export function refuseProof(detail: string): Problem {
  return new Problem('invalid_dpop_proof', { detail })
}

/** Returns whether a JSON value is an object, and not an array or null. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Decodes the header or the payload of a proof in compact form. If a member is repeated, the
 * last one counts (RFC 7515 §4).
 *
 * @throws Problem `invalid_dpop_proof` if it is not a JSON object
 */
export function readPart(part: string, name: 'header' | 'payload'): Record<string, unknown> {
  const value = parseJson(Buffer.from(part, 'base64url').toString())
  if (!isJsonObject(value)) throw refuseProof(`The ${name} of the proof is not a JSON object.`)
  return value
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
