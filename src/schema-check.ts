import { Ajv, type ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'

/** A part of a value that does not match its schema: its JSON Pointer and the expected value. */
export interface Misfit {
  path: string
  detail: string
}

// TypeBox types the schemas. Checking them against the meta-schema would take longer than
// everything else.
const ajv = new Ajv({ allErrors: true, meta: false, validateSchema: false })

/**
 * Creates a function that returns every mismatch of a value and a schema. Compiles the schema
 * at the first value. Converts no values.
 */
export function createChecker(schema: TSchema): (value: unknown) => Misfit[] {
  let compiled: ValidateFunction | undefined
  return (value) => {
    const validate = (compiled ??= ajv.compile(schema))
    validate(value)
    return (validate.errors ?? []).map(({ instancePath, message }) => ({
      path: instancePath,
      detail: String(message),
    }))
  }
}
