import fastify, { type RouteOptions } from 'fastify'
import t from 'tap'
import { compileWhenUsed } from '../../src/http/compilers.js'
import { buildTestApp } from '../helper.js'

t.test('every schema of every route can be compiled', async (t) => {
  for (const env of [{ METRICS: 'on' }, { SIGNUP_MODE: 'verify_first' }]) {
    const routes: RouteOptions[] = []
    const { app } = await buildTestApp(t, {
      env,
      beforeReady: (app) => {
        app.addHook('onRoute', (route) => {
          routes.push(route)
        })
      },
    })
    const { validatorCompiler, serializerCompiler } = app
    if (validatorCompiler === undefined || serializerCompiler === undefined)
      throw new Error('the compilers are not those of the application')
    let compiled = 0
    for (const { schema, url, method } of routes) {
      const route = { url, method: String(method) }
      for (const httpPart of ['body', 'querystring', 'params', 'headers'] as const) {
        const part = schema?.[httpPart]
        if (part === undefined) continue
        t.doesNotThrow(
          () => validatorCompiler({ ...route, httpPart, schema: part })({}),
          `${String(method)} ${url}: ${httpPart}`,
        )
        compiled++
      }
      for (const [httpStatus, reply] of Object.entries(
        (schema?.response ?? {}) as Record<
          string,
          { content?: Record<string, { schema: object }> }
        >,
      )) {
        for (const part of reply.content === undefined
          ? [reply]
          : Object.values(reply.content).map(({ schema }) => schema)) {
          // Whether there is anything to write is asked of a compiled schema only.
          const write = () => {
            try {
              serializerCompiler({ ...route, httpStatus, schema: part })({})
            } catch (error) {
              if (!/ is required!$| does not match schema definition\.$/.test(String(error)))
                throw error
            }
          }
          t.doesNotThrow(write, `${String(method)} ${url}: ${httpStatus}`)
          compiled++
        }
      }
    }
    t.ok(compiled > 50, `${compiled} schemas are there`)
  }
})

t.test('a schema is compiled when it is used, once, and nothing is converted', async (t) => {
  const app = fastify()
  compileWhenUsed(app)
  app.addSchema({ $id: 'Port', type: 'integer', minimum: 1 })
  app.post(
    '/good',
    {
      schema: {
        body: {
          type: 'object',
          properties: {
            port: { $ref: 'Port#' },
            tags: { type: 'array', items: { type: 'string' } },
          },
          additionalProperties: false,
        },
        response: { 200: { type: 'object', properties: { port: { $ref: 'Port#' } } } },
      },
    },
    async () => ({ port: 1, secret: 2 }),
  )
  app.post('/broken', { schema: { body: { $ref: 'Nothing#' } } }, async () => 'never')
  app.post('/unwritable', { schema: { response: { 200: { $ref: 'Nothing#' } } } }, async () => ({}))
  const send = async (url: string, payload: object) =>
    await app.inject({ method: 'POST', url, payload })
  for (let times = 0; times < 2; times++) {
    const good = await send('/good', { port: 3 })
    t.equal(good.body, '{"port":1}')
    t.match((await send('/good', { port: '3', tags: [5], more: true })).json(), {
      statusCode: 400,
      code: 'FST_ERR_VALIDATION',
      message:
        'body must NOT have additional properties, body/port must be integer, body/tags/0 must be string',
    })
    t.equal((await send('/broken', {})).statusCode, 500)
    t.equal((await send('/unwritable', {})).statusCode, 500)
  }
})
