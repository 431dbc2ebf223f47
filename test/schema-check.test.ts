import t from 'tap'
import { Type } from 'typebox'
import { createChecker } from '../src/schema-check.js'

const check = createChecker(
  Type.Object(
    { port: Type.Integer({ minimum: 1 }), tags: Type.Optional(Type.Array(Type.String())) },
    { additionalProperties: false },
  ),
)

t.test(
  'every place that does not fit is named, nothing is converted, and an earlier answer does not linger',
  async (t) => {
    t.strictSame(check({ port: 0, tags: ['a', 5] }), [
      { path: '/port', detail: 'must be >= 1' },
      { path: '/tags/1', detail: 'must be string' },
    ])
    t.strictSame(check({ port: 1, tags: ['a'] }), [])
    t.strictSame(check({ port: '1' }), [{ path: '/port', detail: 'must be integer' }])
    t.strictSame(check({ port: 1, more: 1 }), [
      { path: '', detail: 'must NOT have additional properties' },
    ])
    t.strictSame(check(null), [{ path: '', detail: 'must be object' }])
  },
)
