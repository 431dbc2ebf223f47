import t from 'tap'
import { findClaimsError, isReadableClaims, readClaims } from '../src/custom-claims.js'
import { readUser } from '../src/cli/users-line.js'
import { buildTestApp, jsonType, outcome, pointersOf } from './helper.js'
import { createAdminFlow } from './support/admins.js'

const nested = (levels: number) => `{"k":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`

t.test('claims with a number or a depth that JSON cannot keep are refused', async (t) => {
  const { call, signup, ...built } = await buildTestApp(t)
  const { token } = await createAdminFlow({ call, signup, ...built }).admin()
  const { user } = await signup()
  const send = async (claims: string) =>
    await call('PATCH', `/admin/users/${user.id}`, {
      token,
      body: `{"claims":${claims}}`,
      headers: jsonType,
    })
  for (const claims of ['{"k":1e999}', '{"k":[{"n":-1e400}]}', nested(17), nested(8000)]) {
    const reply = await send(claims)
    t.strictSame([outcome(reply), pointersOf(reply)], ['400 invalid_request', ['/claims']])
    t.match(
      readUser(`{"email":"a@example.org","password_hash":null,"claims":${claims}}`),
      /^claims: /,
      'also in an import',
    )
  }
  for (const claims of ['{"k":1.5e300}', nested(16)]) {
    const reply = await send(claims)
    t.strictSame([reply.statusCode, reply.json().claims], [200, JSON.parse(claims)])
  }
})

t.test('the errors of claims name the rule', async (t) => {
  t.strictSame(
    [{ k: Infinity }, JSON.parse(nested(17)), { k: 'x'.repeat(300) }, { sub: 1 }, { k: null }].map(
      (claims) => findClaimsError(claims),
    ),
    [
      { detail: 'has a number that is too large' },
      { detail: 'must have at most 16 levels of objects and lists' },
      { detail: 'must have at most 300 bytes as JSON' },
      { name: 'sub', detail: 'has a meaning of its own in tokens' },
      null,
    ],
  )
})

t.test('a column that is no JSON object has no claims', async (t) => {
  for (const column of ['', '[]', 'null', '1', '{'])
    t.strictSame([readClaims(column), isReadableClaims(column)], [{}, false], column)
  for (const column of ['{}', '{"a":1}'])
    t.strictSame([readClaims(column), isReadableClaims(column)], [JSON.parse(column), true])
})
