import { Type } from 'typebox'

/** A whole number of seconds. */
export const Seconds = (minimum: number, maximum: number, byDefault: number, description: string) =>
  Type.Integer({
    minimum,
    maximum,
    default: byDefault,
    description: `${minimum} to ${maximum}. ${description}`,
  })

/** The path of a file with the value of a secret setting. */
export const SecretFile = (name: string) =>
  Type.String({
    default: '',
    description: `A path. A UTF-8 file with the value of ${name}, as secret stores mount it. Not together with ${name}.`,
  })
