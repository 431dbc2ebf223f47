import { Type } from 'typebox'

/** The bounds of small integers, for clients that are generated from the contract. */
export const int32 = { format: 'int32', minimum: 0, maximum: 2 ** 31 - 1 } as const

/** A number of seconds in a reply. */
export const Duration = (description: string, example?: number) =>
  Type.Integer({ ...int32, description, ...(example !== undefined && { examples: [example] }) })
