import t from 'tap'
import { type ProblemCode, problemKinds } from '../../../src/errors.js'
import { buildTestApp, jsonType, outcome, problem } from '../../helper.js'
import { everyRowIs, rowsOf } from '../../support/table.js'

const { call } = await buildTestApp(t)

await t.test('every code has a text and a page', async (t) => {
  const codes = Object.keys(problemKinds) as ProblemCode[]
  t.ok(codes.length >= 19, 'the number of codes')
  t.strictSame(
    codes.filter((code) => !/^[a-z]+(_[a-z]+)*$/.test(code)),
    [],
    'codes are words in lower case',
  )
  for (const accept of [undefined, '*/*', 'text/plain', 'application/json'])
    await everyRowIs(
      t,
      codes.map((code) => [code, code]),
      {
        status: 200,
        type: 'text/plain; charset=utf-8',
        vary: 'accept',
        cache: 'public, max-age=3600',
        begins: true,
      },
      async (code) => {
        const reply = await call(
          'GET',
          `/problems/${code}`,
          accept === undefined ? {} : { headers: { accept } },
        )
        const { 'content-type': type, vary, 'cache-control': cache } = reply.headers
        const { status, title } = problemKinds[code]
        const begins = reply.body.startsWith(`${code} (HTTP ${status})\n${title}.\n\n`)
        return { status: reply.statusCode, type, vary, cache, begins }
      },
      `texts for Accept: ${accept}`,
    )
  await everyRowIs(
    t,
    codes.map((code) => [code, code]),
    {
      status: 200,
      type: 'text/html; charset=utf-8',
      restricted: true,
      complete: [true, true, true],
      active: null,
      entities: null,
    },
    async (code) => {
      const { statusCode, headers, body } = await call('GET', `/problems/${code}`, {
        headers: { accept: 'text/html,*/*;q=0.8' },
      })
      return {
        status: statusCode,
        type: headers['content-type'],
        restricted: /^default-src 'none'/.test(String(headers['content-security-policy'])),
        complete: [
          body.startsWith('<!doctype html>'),
          body.includes(`<title>${code}</title>`),
          body.includes(`status ${problemKinds[code].status}`),
        ],
        active: body.match(/<script|style=|https?:/g),
        entities: body.match(/&(?!amp;|lt;|quot;)/g),
      }
    },
    'pages',
  )
})

await t.test('the type of a problem leads to its page', async (t) => {
  const { type } = problem(
    t,
    await call('POST', '/login', { body: '{', headers: jsonType }),
    400,
    'invalid_json',
  )
  t.equal(outcome(await call('GET', new URL(String(type)).pathname)), '200', String(type))
})

await t.test('unknown codes are not found', async (t) => {
  await everyRowIs(
    t,
    rowsOf([
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
    ]),
    ['404 not_found', null],
    async (code) => {
      const reply = await call('GET', `/problems/${code}`, { headers: { accept: 'text/html' } })
      return [outcome(reply), reply.body.match(/script|passwd|xxx/g)]
    },
    'outcome, and what the reply repeats of the path',
  )
  problem(
    t,
    await call('GET', `/problems/${'x'.repeat(101)}`),
    400,
    'invalid_request',
    'a long code',
  )
})
