import { Ajv } from 'ajv'
import type { TSchema } from 'typebox'

/** One place of a value that does not fit its schema: a JSON Pointer and what should be there. */
export interface Misfit { path: string, detail: string }

// The schemas are written here and typed by TypeBox; checking them against the schema of schemas would take longer than everything else.
const ajv = new Ajv({ allErrors: true, meta: false, validateSchema: false })

/** Compiles a schema, once, into a function that answers everything that does not fit. Nothing is converted. */
export function createChecker (schema: TSchema): (value: unknown) => Misfit[] {
  const validate = ajv.compile(schema)
  return (value) => {
    validate(value)
    return (validate.errors ?? []).map(({ instancePath, message }) => ({ path: instancePath, detail: String(message) }))
  }
}
