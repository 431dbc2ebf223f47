import buildValidators from '@fastify/ajv-compiler'
import buildSerializers from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance, FastifySchemaValidationError } from 'fastify'

type Schemas = Parameters<ReturnType<typeof buildValidators>>[0]

/**
 * Compiles a schema when it is first used, which takes some milliseconds. Compiling all of them
 * at start would take longer than everything else there. Input is never converted. A schema
 * that cannot be compiled fails its requests, so a test compiles every one. Call it before the
 * first route.
 */
export function compileWhenUsed(app: FastifyInstance): void {
  const validators = once(() =>
    buildValidators()(app.getSchemas() as Schemas, {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: true,
      },
    }),
  )
  const serializers = once(() => buildSerializers()(app.getSchemas()))
  app.setValidatorCompiler((route) => {
    const validate = once(() => validators()(route))
    return (value) =>
      validate()(value) === true || { error: validate().errors as FastifySchemaValidationError[] }
  })
  app.setSerializerCompiler((route) => {
    const serialize = once(() => serializers()({ httpStatus: '', ...route }))
    return (value) => serialize()(value)
  })
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
