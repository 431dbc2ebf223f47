import { once } from 'node:events'
import { connect } from 'node:net'
import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import t from 'tap'
import { buildTestApp, goodPassword } from '../helper.js'

const exporter = new InMemorySpanExporter()

// What the SDK of a person who runs the service brings along (W3C Trace Context).
const traceparent: TextMapPropagator = {
  inject: () => {},
  fields: () => ['traceparent'],
  extract: (parent, carrier, getter) => {
    const [, traceId, spanId] =
      /^00-(\w{32})-(\w{16})-01$/.exec(String(getter.get(carrier, 'traceparent'))) ?? []
    return traceId === undefined || spanId === undefined
      ? parent
      : trace.setSpanContext(parent, {
          traceId,
          spanId,
          traceFlags: TraceFlags.SAMPLED,
          isRemote: true,
        })
  },
}

await t.test('without an SDK nothing is added', async (t) => {
  const { call } = await buildTestApp(t)
  t.equal((await call('GET', '/health/live')).statusCode, 200)
})

await t.test('with an SDK', async (t) => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(traceparent)
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  )
  const finished = async (count: number) => {
    while (exporter.getFinishedSpans().length < count)
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    const spans = exporter.getFinishedSpans()
    exporter.reset()
    return spans
  }
  // As an instrumented driver does it.
  const query = async () => {
    trace.getTracer('driver').startSpan('query').end()
  }
  const { app, call, signup } = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findByEmail: async (email) => {
          await query()
          return await store.accounts.findByEmail(email)
        },
        findById: async () => {
          throw new Error('a fault')
        },
      },
    }),
  })
  const { user, access_token: token } = await signup()
  exporter.reset()

  await t.test(
    'a span for each request, under that of the caller, with the spans of libraries under it',
    async (t) => {
      await app.listen({ port: 0, host: '127.0.0.1' })
      const { port } = app.server.address() as { port: number }
      const login = async (traceId: string) =>
        await fetch(`http://127.0.0.1:${port}/login?`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
          },
          body: JSON.stringify({ email: user.email, password: goodPassword }),
        })
      const traceIds = Array.from(
        { length: 5 },
        (_, index) => `4bf92f3577b34da6a3ce929d0e0e473${index}`,
      )
      for (const reply of await Promise.all(traceIds.map(login))) t.equal(reply.status, 200)
      const spans = await finished(10)
      for (const traceId of traceIds) {
        const mine = spans.filter((span) => span.spanContext().traceId === traceId)
        const [server, driver] = [
          mine.find(({ kind }) => kind === SpanKind.SERVER),
          mine.find(({ name }) => name === 'query'),
        ]
        t.match(server, {
          name: 'POST /login',
          parentSpanContext: { spanId: '00f067aa0ba902b7' },
          status: { code: SpanStatusCode.UNSET },
        })
        t.strictSame(server?.attributes, {
          'http.request.method': 'POST',
          'url.scheme': 'http',
          'http.route': '/login',
          'http.response.status_code': 200,
        })
        t.equal(driver?.parentSpanContext?.spanId, server?.spanContext().spanId)
      }

      const socket = connect(port, '127.0.0.1')
      socket.write(
        'POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
      )
      await once(app.server, 'request')
      socket.destroy()
      const [gone] = await finished(1)
      t.strictSame(
        gone?.attributes,
        { 'http.request.method': 'POST', 'url.scheme': 'http', 'http.route': '/login' },
        'of a client that hung up there is no status',
      )
    },
  )

  await t.test('unknown paths, refusals and faults', async (t) => {
    await call('GET', `/secret/${user.id}?canary`)
    await call('GET', '/claims')
    await call('GET', '/claims', { token })
    await call('GET', '/me', { token })
    const spans = await finished(4)
    t.strictSame(
      spans.map(({ name, status, attributes }) => [
        name,
        status.code,
        attributes['http.response.status_code'],
        attributes['error.type'],
      ]),
      [
        ['GET', SpanStatusCode.UNSET, 404, undefined],
        ['GET /claims', SpanStatusCode.UNSET, 401, undefined],
        ['GET /claims', SpanStatusCode.UNSET, 200, undefined],
        ['GET /me', SpanStatusCode.ERROR, 500, '500'],
      ],
    )
    t.notMatch(
      JSON.stringify(spans.map(({ name, attributes }) => [name, attributes])),
      /secret|canary/,
    )
    t.notOk(
      spans.some(({ parentSpanContext }) => parentSpanContext !== undefined),
      'without a caller each is a trace of its own',
    )
  })
})
