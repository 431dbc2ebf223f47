import { Ajv, type ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'

/** One place of a value that does not fit its schema: a JSON Pointer and what should be there. */
export interface Misfit {
  path: string
  detail: string
}

// The schemas are written here and typed by TypeBox; checking them against the schema of schemas
// would take longer than everything else.
const ajv = new Ajv({ allErrors: true, meta: false, validateSchema: false })

/**
 * Makes a schema a function that answers everything that does not fit. It is compiled with the
 * first value. Nothing is converted.
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
