import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  pointers,
  problem,
} from '../../helper.js'

const patches: Array<[body: object, pointers: string[]]> = [
  [{}, ['/name']],
  [{ name: 'x', email: 'x@example.org' }, ['/email']],
  ...[
    'id',
    'role',
    'email_verified',
    'password',
    'password_hash',
    'token_epoch',
    'disabled_at',
    'updated_at',
  ].map((member): (typeof patches)[number] => [{ name: 'x', [member]: 'x' }, [`/${member}`]]),
  ...[
    ...notStrings.filter((value) => value !== null),
    '',
    'x'.repeat(201),
    'A\0da',
    'A\r\nda',
    '\ud800',
    '\u001b[2J',
  ].map((name): (typeof patches)[number] => [{ name }, ['/name']]),
]
const deletions: Array<[body: object, pointers: string[]]> = [
  [{}, ['/password']],
  [{ password: goodPassword, id: 'x' }, ['/id']],
  ...notStrings.map((password): (typeof deletions)[number] => [{ password }, ['/password']]),
]

await onEachDatabase(t, async (t, database) => {
  const { call, signup, time } = await buildTestApp(t, { database })
  const { access_token: token, user } = await signup({ name: 'Ada' })

  await t.test('bodies that do not fit change nothing', async (t) => {
    time.now += 1000
    for (const [method, rows] of [
      ['PATCH', patches],
      ['DELETE', deletions],
    ] as const) {
      for (const [body, expected] of rows)
        t.strictSame(
          [...new Set(pointers(t, await call(method, '/me', { token, body })))],
          expected,
          `${method} ${JSON.stringify(body).slice(0, 80)}`,
        )
      for (const body of notObjects)
        t.strictSame(
          pointers(t, await call(method, '/me', { token, body, headers: jsonType })),
          [''],
          `${method} ${body}`,
        )
      t.strictSame(pointers(t, await call(method, '/me', { token })), [''], 'no body')
    }
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { name: 'x' }],
      ['DELETE', { password: goodPassword }],
    ] as const) {
      t.strictSame(
        pointers(t, await call(method, '/me?id=1&id=2', { token, ...(body && { body }) })),
        ['id'],
        'a query',
      )
    }
    const me = await call('GET', '/me', { token })
    t.strictSame(me.json(), user)
  })

  await t.test('without a token, with a bad one', async (t) => {
    for (const [method, body] of [
      ['GET', undefined],
      ['HEAD', undefined],
      ['PATCH', { name: 'x' }],
      ['PATCH', { x: 1 }],
      ['DELETE', { password: goodPassword }],
      ['DELETE', {}],
    ] as const) {
      const bare = await call(method, '/me', body && { body })
      const bad = await call(method, '/me', { token: 'a.b.c', ...(body && { body }) })
      if (method === 'HEAD') {
        t.strictSame(
          [bare.statusCode, bare.headers['www-authenticate'], bad.statusCode],
          [401, 'Bearer realm="latchkey"', 401],
        )
        continue
      }
      problem(t, bare, 401, 'missing_token')
      problem(t, bad, 401, 'invalid_token')
      t.equal(bare.headers['www-authenticate'], 'Bearer realm="latchkey"')
      t.match(
        bad.headers['www-authenticate'],
        /^Bearer realm="latchkey", error="invalid_token", error_description="[^"\\]+"$/,
      )
    }
  })

  await t.test('headers of the answer', async (t) => {
    const reply = await call('GET', '/me', { token })
    t.match(reply.headers, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    })
    t.strictSame(headerNames(reply), headerNames(await call('GET', '/health/live')))
    const head = await call('HEAD', '/me', { token })
    t.strictSame([head.statusCode, head.body, headerNames(head)], [200, '', headerNames(reply)])
  })
})
