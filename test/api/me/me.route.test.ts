import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  headerNames,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  outcome,
} from '../../helper.js'
import type { Misfit } from '../../support/misfits.js'
import { uniquePointers } from '../../support/replies.js'
import { type Case, nameOf, tableIs } from '../../support/table.js'

const patches: Misfit[] = [
  ['PATCH empty', {}, ['/name']],
  ...[
    'email',
    'id',
    'role',
    'roles',
    'claims',
    'email_verified',
    'password',
    'password_hash',
    'token_epoch',
    'disabled_at',
    'updated_at',
  ].map((member): Misfit => [`PATCH ${member}`, { name: 'x', [member]: 'x' }, [`/${member}`]]),
  ...[
    ...notStrings.filter((value) => value !== null),
    '',
    'x'.repeat(201),
    'A\0da',
    'A\r\nda',
    '\ud800',
    '\u001b[2J',
  ].map((name): Misfit => [`PATCH name ${nameOf(name)}`, { name }, ['/name']]),
]
const deletions: Misfit[] = [
  ['DELETE empty', {}, ['/password']],
  ['DELETE id', { password: goodPassword, id: 'x' }, ['/id']],
  ...notStrings.map((password): Misfit => [
    `DELETE password ${nameOf(password)}`,
    { password },
    ['/password'],
  ]),
]

await onEachDatabase(t, async (t, database) => {
  const { call, signup, time } = await buildTestApp(t, { database })
  const { access_token: token, user } = await signup({ name: 'Ada' })

  await t.test('misfits are refused and change nothing', async (t) => {
    time.now += 1000
    for (const [method, rows] of [
      ['PATCH', patches],
      ['DELETE', deletions],
    ] as const)
      await tableIs(
        t,
        [
          ...rows,
          ...notObjects.map((text): Misfit => [`${method} body ${text}`, text, ['']]),
          [`${method} without a body`, undefined, ['']],
        ],
        async (body) =>
          uniquePointers(
            await call(method, '/me', {
              token,
              ...(body !== undefined && { body, headers: jsonType }),
            }),
          ),
        method,
      )
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { name: 'x' }],
      ['DELETE', { password: goodPassword }],
    ] as const)
      t.strictSame(
        uniquePointers(await call(method, '/me?id=1&id=2', { token, ...(body && { body }) })),
        ['id'],
        `${method} with a query`,
      )
    const me = await call('GET', '/me', { token })
    t.strictSame(me.json(), user, 'the account has not changed')
  })

  await t.test('no token and a bad token are refused with a challenge', async (t) => {
    const bad = 'Bearer realm="latchkey", error="invalid_token", error_description="…"'
    const expected = {
      bare: ['401 missing_token', 'Bearer realm="latchkey"'],
      bad: ['401 invalid_token', bad],
    }
    await tableIs(
      t,
      [
        ['GET', ['GET', undefined], expected],
        // A reply to HEAD has no body that could be a problem.
        ['HEAD', ['HEAD', undefined], { bare: [401, 'Bearer realm="latchkey"'], bad: [401, bad] }],
        ['PATCH', ['PATCH', { name: 'x' }], expected],
        ['PATCH with a misfit', ['PATCH', { x: 1 }], expected],
        ['DELETE', ['DELETE', { password: goodPassword }], expected],
        ['DELETE with a misfit', ['DELETE', {}], expected],
      ] as const satisfies Array<Case<unknown, unknown>>,
      async ([method, body]) => {
        const seen = (reply: LightMyRequestResponse) => [
          method === 'HEAD' ? reply.statusCode : outcome(reply),
          String(reply.headers['www-authenticate']).replace(
            /(?<=error_description=")[^"\\]+(?="$)/,
            '…',
          ),
        ]
        return {
          bare: seen(await call(method, '/me', body && { body })),
          bad: seen(await call(method, '/me', { token: 'a.b.c', ...(body && { body }) })),
        }
      },
      'outcome and challenge',
    )
  })

  await t.test('the headers of GET and HEAD', async (t) => {
    const reply = await call('GET', '/me', { token })
    t.match(
      reply.headers,
      {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
      },
      'GET /me',
    )
    t.strictSame(
      headerNames(reply),
      headerNames(await call('GET', '/health/live')),
      'the same headers as of any reply',
    )
    const head = await call('HEAD', '/me', { token })
    t.strictSame(
      [head.statusCode, head.body, headerNames(head)],
      [200, '', headerNames(reply)],
      'HEAD /me',
    )
  })
})
