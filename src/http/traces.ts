import type { Context } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * The symbol under which every copy of OpenTelemetry's API, version 1, stores the registered
 * SDK.
 */
const registered = Symbol.for('opentelemetry.js.api.1')

/**
 * Creates a span for every request, if an OpenTelemetry SDK was registered before the
 * application was built. The span is named by method and route, and is a child of the caller's
 * `traceparent`. It is active in the handler, so that spans of instrumented libraries become
 * its children. Its attributes follow the semantic conventions for HTTP servers, without any
 * URL. Without an SDK nothing is loaded. Call it before the routes.
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
      // Also if the client has hung up before the response; then there is no status.
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
    // Not earlier: the body arrives in events of the connection, outside the context of the
    // request.
    api.addHook('preHandler', (request, _reply, done) => {
      context.with(contexts.get(request) as Context, done)
    })
  }
  // Add the hooks to the whole application, not to a scope.
  app.register(Object.assign(plugin, { [Symbol.for('skip-override')]: true }))
}
