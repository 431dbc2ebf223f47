import type { Context } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Where every copy of OpenTelemetry's API, version 1, keeps what an SDK has registered. */
const registered = Symbol.for('opentelemetry.js.api.1')

/**
 * Makes a span of every request, where an OpenTelemetry SDK was registered before the
 * application was built: named by method and route, under the span of the caller's
 * `traceparent`, and active in the handler, so that spans of instrumented libraries are its
 * children. Attributes are those of the semantic conventions for HTTP servers, without any URL.
 * Call it before the routes. Where there is no SDK nothing is loaded or done.
 */
export function traceRequests(app: FastifyInstance): void {
  const sdk = (globalThis as { [registered]?: { trace?: unknown } })[registered]
  if (sdk?.trace === undefined) return
  const plugin = async (api: FastifyInstance) => {
    const { context, propagation, SpanKind, SpanStatusCode, trace } =
      await import('@opentelemetry/api')
    const tracer = trace.getTracer('latchkey')
    const contexts = new WeakMap<FastifyRequest, Context>()
    api.addHook('onRequest', (request, { raw }, done) => {
      const { method, headers, is404, protocol, routeOptions } = request
      const route = is404 ? undefined : routeOptions.url
      const parent = propagation.extract(context.active(), headers)
      const attributes = {
        'http.request.method': method,
        'url.scheme': protocol,
        ...(route !== undefined && { 'http.route': route }),
      }
      const span = tracer.startSpan(
        route === undefined ? method : `${method} ${route}`,
        { kind: SpanKind.SERVER, attributes },
        parent,
      )
      contexts.set(request, trace.setSpan(parent, span))
      // Also when the client has hung up before it had its answer, of which there is then no
      // status.
      raw.once('close', () => {
        const { statusCode, headersSent } = raw
        if (headersSent) span.setAttribute('http.response.status_code', statusCode)
        if (statusCode >= 500)
          span
            .setAttribute('error.type', String(statusCode))
            .setStatus({ code: SpanStatusCode.ERROR })
        span.end()
      })
      done()
    })
    // Not before: the body comes by events of the connection, which know nothing of the request.
    api.addHook('preHandler', (request, _reply, done) => {
      context.with(contexts.get(request) as Context, done)
    })
  }
  // The hooks are for the whole application, not for a scope of its own.
  app.register(Object.assign(plugin, { [Symbol.for('skip-override')]: true }))
}
