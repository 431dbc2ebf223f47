import t from 'tap'
import { type ProblemCode, problemKinds } from '../../../src/errors.js'
import { buildTestApp, jsonType, problem } from '../../helper.js'

const { call } = await buildTestApp(t)

await t.test('every code, as text and as a page', async (t) => {
  t.ok(Object.keys(problemKinds).length >= 19)
  for (const code of Object.keys(problemKinds) as ProblemCode[]) {
    const { status, title } = problemKinds[code]
    t.match(code, /^[a-z]+(_[a-z]+)*$/)
    for (const accept of [undefined, '*/*', 'text/plain', 'application/json']) {
      const reply = await call(
        'GET',
        `/problems/${code}`,
        accept === undefined ? {} : { headers: { accept } },
      )
      t.equal(reply.statusCode, 200, code)
      t.match(reply.headers, {
        'content-type': 'text/plain; charset=utf-8',
        vary: 'accept',
        'cache-control': 'public, max-age=3600',
      })
      t.ok(reply.body.startsWith(`${code} (HTTP ${status})\n${title}.\n\n`))
    }
    const page = await call('GET', `/problems/${code}`, {
      headers: { accept: 'text/html,*/*;q=0.8' },
    })
    t.equal(page.statusCode, 200)
    t.match(page.headers, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': /^default-src 'none'/,
    })
    t.ok(
      page.body.startsWith('<!doctype html>') &&
        page.body.includes(`<title>${code}</title>`) &&
        page.body.includes(`status ${status}`),
    )
    t.notMatch(page.body, /<script|style=|https?:/)
    t.strictSame(page.body.match(/&(?!amp;|lt;|quot;)/g), null)
  }
})

await t.test('the type of a problem leads to its page', async (t) => {
  const { type } = problem(
    t,
    await call('POST', '/login', { body: '{', headers: jsonType }),
    400,
    'invalid_json',
  )
  t.equal((await call('GET', new URL(String(type)).pathname)).statusCode, 200)
})

await t.test('unknown codes', async (t) => {
  for (const code of [
    'nope',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '%00',
    '..%2f..%2fetc%2fpasswd',
    '%3Cscript%3E',
    'INVALID_TOKEN',
    'x'.repeat(100),
    '',
  ]) {
    const reply = await call('GET', `/problems/${code}`, { headers: { accept: 'text/html' } })
    problem(t, reply, 404, 'not_found')
    t.notMatch(reply.body, /script|passwd|xxx/)
  }
  problem(t, await call('GET', `/problems/${'x'.repeat(101)}`), 400, 'invalid_request')
})
