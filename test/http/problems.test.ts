import { errorCodes } from 'fastify'
import t from 'tap'
import { Problem, type ProblemCode, problemKinds } from '../../src/errors.js'
import { limitPattern, patternRules } from '../../src/http/patterns.js'
import { problemDocument, toProblem } from '../../src/http/problems.js'
import { buildTestApp, problem, type TestOptions } from '../helper.js'

const withStatus = (statusCode: number, error: Error = new Error('x')) =>
  Object.assign(error, { statusCode })

await t.test('what each error becomes', async (t) => {
  const cause = new Problem('email_taken')
  t.equal(toProblem(cause), cause, 'a Problem is what it is')
  const table: Array<[error: unknown, code: ProblemCode]> = [
    [new Error('x'), 'internal_error'],
    [new TypeError('x'), 'internal_error'],
    [new SyntaxError('x'), 'internal_error'],
    [withStatus(400, new SyntaxError('x')), 'invalid_json'],
    [withStatus(400), 'invalid_request'],
    [withStatus(401), 'invalid_request'],
    [withStatus(404), 'not_found'],
    [withStatus(408), 'request_timeout'],
    [withStatus(413), 'payload_too_large'],
    [withStatus(414), 'invalid_request'],
    [withStatus(415), 'unsupported_media_type'],
    [withStatus(431), 'headers_too_large'],
    [withStatus(200), 'internal_error'],
    [withStatus(399), 'internal_error'],
    [withStatus(500), 'internal_error'],
    [withStatus(503), 'internal_error'],
    [Object.assign(new Error('x'), { code: 'P2002' }), 'internal_error'],
    [
      Object.assign(new Error('x'), {
        code: 'FST_JWT_NO_AUTHORIZATION_IN_HEADER',
        statusCode: 500,
      }),
      'invalid_token',
    ],
    [Object.assign(new Error('x'), { code: 'FAST_JWT_INVALID_ALGORITHM' }), 'invalid_token'],
    [Object.assign(new Error('x'), { code: 'X_FAST_JWT_' }), 'internal_error'],
    [Object.assign(new Error('x'), { code: 42 }), 'internal_error'],
    ...[undefined, null, 'text', 0, Symbol('x'), {}, []].map((thrown): [unknown, ProblemCode] => [
      thrown,
      'internal_error',
    ]),
  ]
  for (const [error, code] of table) t.equal(toProblem(error).code, code, String(error))
  const fault = new Error('x')
  t.equal(toProblem(fault).extras.cause, fault, 'what is our fault keeps its cause for the log')
})

await t.test('every pattern of a request has a rule for people', async (t) => {
  const { app } = await buildTestApp(t)
  const found: string[] = []
  const { paths } = app.swagger() as { paths: object }
  JSON.stringify(paths, (name, value: unknown) => {
    if (name === 'pattern') found.push(String(value))
    return value
  })
  t.ok(found.length > 3)
  t.strictSame(
    found.filter((pattern) => !(pattern in patternRules)),
    [],
  )
})

await t.test('what the validator says', async (t) => {
  const misfit = { instancePath: '/a/b', schemaPath: '', keyword: 'type', params: {} }
  const table: Array<[misfit: object, context: string, pointer: string, detail: string | RegExp]> =
    [
      [misfit, 'body', '/a/b', 'does not fit'],
      [{ ...misfit, message: 'must be string' }, 'body', '/a/b', 'must be string'],
      [
        { ...misfit, keyword: 'required', params: { missingProperty: 'c/~' } },
        'body',
        '/a/b/c~1~0',
        /^is missing$/,
      ],
      [
        { ...misfit, keyword: 'additionalProperties', params: { additionalProperty: '__proto__' } },
        'body',
        '/a/b/__proto__',
        /known/,
      ],
      [
        { ...misfit, instancePath: '', keyword: 'required', params: { missingProperty: 'q' } },
        'querystring',
        'q',
        /missing/,
      ],
      [{ ...misfit, instancePath: '/dpop' }, 'headers', 'dpop', 'does not fit'],
      [
        { ...misfit, keyword: 'const', params: { allowedValue: 'cookie' } },
        'body',
        '/a/b',
        'must be "cookie"',
      ],
      [
        { ...misfit, keyword: 'enum', params: { allowedValues: ['a', 1] } },
        'body',
        '/a/b',
        'must be one of "a", 1',
      ],
    ]
  const keywords: Array<[keyword: string, params: object, detail: string]> = [
    ['pattern', { pattern: limitPattern }, 'must be a whole number from 1 to 200'],
    ['pattern', { pattern: '^x$' }, 'has the wrong form'],
    ['minProperties', { limit: 1 }, 'must have at least one member'],
    ['minLength', { limit: 3 }, 'must have at least 3 characters'],
    ['maxLength', { limit: 1 }, 'must have at most one character'],
    ['maxItems', { limit: 16 }, 'must have at most 16 entries'],
    ['uniqueItems', { i: 1, j: 0 }, 'must not have an entry twice'],
  ]
  for (const [keyword, params, detail] of keywords)
    table.push([{ ...misfit, keyword, params }, 'body', '/a/b', detail])
  for (const [one, validationContext, pointer, detail] of table) {
    const { code, extras } = toProblem(
      Object.assign(new Error('x'), {
        statusCode: 400,
        code: 'FST_ERR_VALIDATION',
        validation: [one],
        validationContext,
      }),
    )
    t.equal(code, 'invalid_request')
    t.match(extras, { errors: [{ pointer, detail }] })
  }
})

await t.test("the framework's own errors", async (t) => {
  const known: Record<string, ProblemCode> = {
    FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
    FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
    FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
    FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
    FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
    FST_ERR_BAD_URL: 'invalid_request',
    FST_ERR_NOT_FOUND: 'not_found',
    FST_ERR_ROUTE_MISSING_HANDLER: 'internal_error',
    FST_ERR_REP_ALREADY_SENT: 'internal_error',
    FST_ERR_RESPONSE_SERIALIZATION: 'internal_error',
  }
  for (const [name, FrameworkError] of Object.entries(errorCodes)) {
    const error = new FrameworkError('x')
    const { code, kind } = toProblem(error)
    const isTheirs = (error.statusCode ?? 500) < 500
    t.equal(code, known[name] ?? code, name)
    t.equal(kind.status < 500, isTheirs, `${name} (${error.statusCode}) is ${code}`)
  }
})

await t.test('the document', async (t) => {
  for (const code of Object.keys(problemKinds) as ProblemCode[]) {
    const { status, title, advice } = problemKinds[code]
    t.strictSame(
      problemDocument(new Problem(code), {
        publicUrl: 'https://id.example.org/auth',
        requestId: 'id',
      }),
      {
        type: `https://id.example.org/auth/problems/${code}`,
        title,
        status,
        code,
        detail: advice,
        request_id: 'id',
        ...(code.includes('dpop') && { error: code }),
      },
    )
  }
  const { detail, errors, reasons } = problemDocument(
    new Problem('weak_password', {
      detail: 'x',
      errors: [],
      reasons: ['too_short'],
      cause: new Error('secret'),
    }),
    { publicUrl: '', requestId: '' },
  )
  t.strictSame({ detail, errors, reasons }, { detail: 'x', errors: [], reasons: ['too_short'] })
})

/** An application whose store fails with what is thrown. */
async function failing(t: Parameters<typeof buildTestApp>[0], thrown: unknown) {
  const fail = async () => {
    throw thrown
  }
  const wrapStore: TestOptions['wrapStore'] = (store) => ({
    ...store,
    accounts: { ...store.accounts, findById: fail, findByEmail: fail },
  })
  const built = await buildTestApp(t, { wrapStore })
  const { access_token: token } = await built.signup()
  return { ...built, token }
}

await t.test('a fault of ours is logged once and says nothing', async (t) => {
  const path = '/srv/app/secret.ts:1'
  for (const thrown of [
    new Error(`duplicate key at ${path}`, { cause: new Error('P2002 prisma') }),
    Object.assign(new Error(path), { code: 'P2025' }),
    path,
    undefined,
    null,
  ]) {
    const { call, token, log } = await failing(t, thrown)
    const reply = await call('GET', '/me', { token })
    const body = problem(t, reply, 500, 'internal_error')
    t.strictSame(body, {
      ...problemDocument(new Problem('internal_error'), {
        publicUrl: 'http://localhost:3000',
        requestId: String(reply.headers['x-request-id']),
      }),
    })
    t.notMatch(reply.body, 'secret')
    t.equal(reply.headers['retry-after'], undefined)
    const lines = log().filter(({ request_id: id }) => id === body.request_id)
    t.match(lines, [
      { level: 50, msg: 'internal error' },
      { level: 30, status: 500, route: '/me' },
    ])
    t.match(
      lines[0]?.err,
      thrown === undefined
        ? undefined
        : { message: thrown instanceof Error ? thrown.message : String(thrown) },
    )
  }
})

await t.test('a database that is away', async (t) => {
  const { call, token, log } = await failing(
    t,
    new Problem('unavailable', { cause: new Error('connect ECONNREFUSED 10.0.0.1:5432') }),
  )
  for (const reply of [
    await call('GET', '/me', { token }),
    await call('POST', '/login', { body: { email: 'ada@example.org', password: 'x' } }),
  ]) {
    problem(t, reply, 503, 'unavailable')
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/)
    t.notMatch(reply.body, 'ECONNREFUSED')
    t.match(
      log().filter(({ request_id: id }) => id === reply.headers['x-request-id']),
      [
        { level: 40, err: { message: /ECONNREFUSED/ } },
        { level: 30, status: 503 },
      ],
    )
  }
  t.equal(
    (await call('GET', '/claims', { token })).statusCode,
    200,
    'what needs no database goes on',
  )
})
