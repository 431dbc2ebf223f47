import { Writable } from 'node:stream'
import t from 'tap'
import { createLogger, redact } from '../../src/http/log.js'
import { buildTestApp, goodPassword, jsonType, onEachDatabase, type TestApp } from '../helper.js'

const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canary_canary-canary'
const hash = '$argon2id$v=19$m=19456,t=2,p=1$Y2FuYXJ5Y2FuYXJ5$Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5'

await t.test('redact', async (t) => {
  const table: Array<[text: string, expected: string]> = [
    ['nothing to hide, P2002 on users.email', 'nothing to hide, P2002 on users.email'],
    ['account canary@example.org exists', 'account [redacted] exists'],
    ['"canary"@example.org', '[redacted]'],
    ["o'canary@example.org", '[redacted]'],
    ['a=canary@example.org', '[redacted]'],
    ['canary/@example.org', '[redacted]'],
    ['canary`x@example.org', '[redacted]'],
    ['кана@пример.рф', '[redacted]'],
    ['postgresql://canary:canary@db.example:5432/x refused', '[redacted] refused'],
    ['(canary@example.org, x)', '[redacted] x)'],
    [`token ${token} is bad`, 'token [redacted] is bad'],
    ['Bearer eyJhbGciOiJub25lIn0.e30.', 'Bearer [redacted]'],
    [`hash ${hash}`, 'hash [redacted]'],
    ['$2b$10$canarycanary', '[redacted]'],
    [`secret lk_canary-canary_${'x'.repeat(30)}`, 'secret [redacted]'],
    [`client_secret=lk_canary${'x'.repeat(37)}&a=1`, 'client_secret=[redacted]&a=1'],
    ['whsec_Y2FuYXJ5+Y2FuYXJ5/Y2FuYXJ5==', '[redacted]'],
    ['lk_short is no secret', 'lk_short is no secret'],
    ['$scrypt$ln=1$canary', '[redacted]'],
    ['$pbkdf2-sha256$canary', '[redacted]'],
    [
      'at f (file:///srv/node_modules/@scope/x/y.js:1:2)',
      'at f (file:///srv/node_modules/@scope/x/y.js:1:2)',
    ],
    ['node_modules/@x/canary@example.org', '[redacted]'],
  ]
  for (const [text, expected] of table) t.equal(redact(text), expected)
  t.equal(redact('x'.repeat(100_000)).length, 100_000)
})

/** Sends secrets in every place of a request and answers what was sent. */
async function sendSecrets({ app, call }: TestApp, access: string): Promise<void> {
  const secret = {
    email: 'canary@example.org',
    password: 'canary-canary-brass-lantern',
    name: 'canary',
  }
  for (const body of [
    secret,
    { ...secret, email: 'canary' },
    { ...secret, canary: 1 },
    { ...secret, name: 'canary\0' },
    { ...secret, password: 'canary' },
  ]) {
    await call('POST', '/signup', { body })
    await call('POST', '/login', { body: { email: body.email, password: body.password } })
    await call('PATCH', '/me', { body, token: access })
    await call('DELETE', '/me', { body: { password: body.password }, token: access })
  }
  for (const body of ['{"canary', 'canary', '"canary"', '{"__proto__":"canary"}'])
    await call('POST', '/login', { body, headers: jsonType })
  for (const url of [
    '/me?canary=canary',
    '/canary',
    '/canary@example.org',
    '/problems/canary',
    '/%canary',
    '/me/canary',
    `/claims?access_token=${token}`,
  ])
    await call('GET', url, { token })
  for (const authorization of [
    `Bearer ${token}`,
    'Bearer canary',
    'Basic canary',
    'canary',
    `DPoP ${token}`,
  ]) {
    await call('GET', '/me', {
      headers: {
        authorization,
        cookie: `canary=canary; __Host-latchkey=${token}`,
        'user-agent': 'canary',
        referer: 'http://canary@canary.example/',
        'x-forwarded-for': 'canary',
        'x-request-id': 'can ary',
      },
    })
  }
  await app.inject({
    method: 'POST',
    url: '/login',
    payload: 'canary',
    headers: { 'content-type': 'canary/canary' },
  })
}

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { LOG_LEVEL: 'trace' } })
  const { access_token: access } = await built.signup({ name: 'canary' })
  await sendSecrets(built, access)
  const text = built.logText()
  t.ok(built.log().length > 30)
  t.notMatch(text, /canary|eyJ|argon2|brass-lantern/i, 'nothing that a client sent')
  t.notOk(text.includes(access))
})

await t.test('faults whose message quotes what was sent', async (t) => {
  for (const message of [
    `duplicate key (email)=(canary@example.org), hash ${hash}`,
    `refused ${token}\n{"level":30,"msg":"forged"}\r\n\u001b[2J\u202e\u2028`,
    'postgresql://user:canary@db.example/x',
  ]) {
    const fail = async () => {
      throw Object.assign(new Error(message, { cause: new Error(message, { cause: message }) }), {
        meta: { target: message },
        email: message,
      })
    }
    const built = await buildTestApp(t, {
      wrapStore: (store) => ({
        ...store,
        accounts: { ...store.accounts, create: fail, findByEmail: fail, findById: fail },
      }),
    })
    const failures = [
      await built.call('POST', '/signup', {
        body: { email: 'canary@example.org', password: goodPassword },
      }),
      await built.call('POST', '/login', {
        body: { email: 'canary@example.org', password: goodPassword },
      }),
    ]
    t.strictSame(
      failures.map(({ statusCode }) => statusCode),
      [500, 500],
    )
    t.notMatch(built.logText(), /canary|eyJ|\$argon2/i)
    t.match(built.log(), [
      {
        level: 50,
        err: {
          type: 'Error',
          message: /\[redacted\]/,
          stack: /log\.test\.ts/,
          cause: { message: /\[redacted\]/, cause: { message: /\[redacted\]/ } },
        },
      },
      { level: 30 },
      { level: 50 },
      { level: 30 },
    ])
    t.strictSame(
      Object.keys(built.log()[0]?.err as object),
      ['type', 'message', 'stack', 'cause'],
      'and nothing that hangs on the error',
    )
    t.equal(built.logText().trimEnd().split('\n').length, 4, 'no line is forged')
    t.notOk(['\r', '\u001b'].some((sign) => built.logText().includes(sign)))
  }
})

await t.test('what a request leaves', async (t) => {
  const { call, log, signup } = await buildTestApp(t)
  const { access_token: access } = await signup()
  await call('GET', '/ME/?x=1', { token: access })
  await call('GET', '/problems/not_found', { headers: { 'x-request-id': 'mine' } })
  await call('PUT', '/me')
  await call('HEAD', '/claims')
  await call('GET', '/a\u202eb%0d%0a')
  const lines = log().filter(({ msg }) => msg === 'request')
  t.match(
    lines,
    [
      ['POST', '/signup', 201],
      ['GET', '/me', 400],
      ['GET', '/problems/:code', 200],
      ['PUT', null, 405],
      ['HEAD', '/claims', 401],
      ['GET', null, 404],
    ].map(([method, route, status]) => ({
      level: 30,
      msg: 'request',
      method,
      route,
      status,
      ms: Number,
      time: Number,
    })),
  )
  for (const line of lines)
    t.strictSame(Object.keys(line), [
      'level',
      'time',
      'pid',
      'hostname',
      'request_id',
      'method',
      'route',
      'status',
      'ms',
      'msg',
    ])
  t.equal(lines[2]?.request_id, 'mine')
  t.equal(new Set(lines.map((line) => line.request_id)).size, lines.length)
})

await t.test('LOG_LEVEL', async (t) => {
  for (const [level, count] of [
    ['trace', 1],
    ['info', 1],
    ['warn', 0],
    ['error', 0],
    ['silent', 0],
  ] as const) {
    const { call, log } = await buildTestApp(t, { env: { LOG_LEVEL: level } })
    await call('GET', '/claims')
    await call('GET', '/health/live')
    t.equal(log().length, count, level)
  }
})

await t.test('errors of every make', async (t) => {
  let text = ''
  const logger = await createLogger('info', {
    write: (line: string) => {
      text += line
    },
  })
  const bare = Object.assign(new TypeError('x', { cause: null }), { code: 42, stack: undefined })
  const table: Array<[err: unknown, expected: object]> = [
    [bare, { type: 'TypeError', message: 'x', stack: '', cause: { message: 'null' } }],
    [
      Object.assign(new Error(''), { code: 'P2002', stack: 'at x@y' }),
      { type: 'Error', code: 'P2002', message: '', stack: 'at [redacted]' },
    ],
    ['canary@example.org', { message: '[redacted]' }],
    [{ message: 'canary' }, { message: '[object Object]' }],
  ]
  for (const [err, expected] of table) {
    text = ''
    logger.error({ err }, 'x')
    t.strictSame(JSON.parse(text).err, expected)
  }
})

await t.test('a terminal gets readable text, anything else JSON', async (t) => {
  for (const isTTY of [true, false, undefined]) {
    let text = ''
    const output = new Writable({
      write: (chunk, _encoding, done) => {
        text += String(chunk)
        done()
      },
    })
    const logger = await createLogger(
      'info',
      Object.assign(output, isTTY !== undefined && { isTTY }),
    )
    logger.info({ route: '/me' }, 'request')
    logger.error({ err: new Error('canary@example.org') }, 'internal error')
    t.notMatch(text, 'canary')
    t.match(text, /\/me.*\n.*internal error|request.*\n/)
    if (isTTY) t.notMatch(text, /^\{|"level"|pid|hostname/)
    else
      t.match(
        text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as object),
        [
          { level: 30, route: '/me', msg: 'request' },
          { level: 50, err: { type: 'Error', message: '[redacted]' } },
        ],
      )
  }
})
