import t from 'tap'
import { type ProblemCode, problemKinds } from '../../../src/errors.js'
import { buildTestApp, jsonType, outcome, problem } from '../../helper.js'
import { everyRowIs, rowsOf, tableIs } from '../../support/table.js'

const { call } = await buildTestApp(t)

/** The status of a code, and the other one that some routes have. */
const statuses = (code: ProblemCode): string =>
  /dpop/.test(code) ? '401 or 400' : String(problemKinds[code].status)

const restricted =
  /^default-src 'none';style-src 'sha256-[\w+/=]{44}';base-uri 'none';form-action 'none';frame-ancestors 'none'$/

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
        const { title } = problemKinds[code]
        const begins = reply.body.startsWith(`${code} (HTTP ${statuses(code)})\n${title}.\n\n`)
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
      complete: [true, true, true, true],
      listed: true,
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
        restricted: restricted.test(String(headers['content-security-policy'])),
        complete: [
          body.startsWith('<!doctype html>'),
          body.includes(`<title>${problemKinds[code].title}</title>`),
          body.includes(`<code>${code}</code>, HTTP status ${statuses(code)}`),
          body.includes('<meta name="viewport"'),
        ],
        listed: body.includes('<a href="/problems">'),
        active: body.match(/<script|style=|https?:/g),
        entities: body.match(/&(?!amp;|lt;|quot;)/g),
      }
    },
    'pages',
  )
})

await t.test('GET /problems lists every code, as text and as HTML', async (t) => {
  const codes = Object.keys(problemKinds) as ProblemCode[]
  const text = await call('GET', '/problems')
  t.strictSame(
    [text.statusCode, text.headers['content-type'], text.headers.vary, text.body],
    [
      200,
      'text/plain; charset=utf-8',
      'accept',
      codes
        .map((code) => `${code} (HTTP ${statuses(code)}): ${problemKinds[code].title}\n`)
        .join(''),
    ],
    'the text',
  )
  for (const [PUBLIC_URL, base] of [
    ['http://localhost:3000', ''],
    ['https://id.example.org/auth', '/auth'],
  ] as const) {
    const test = await buildTestApp(t, { env: { PUBLIC_URL } })
    const html = await test.call('GET', '/problems', { headers: { accept: 'text/html' } })
    t.equal(html.headers['content-type'], 'text/html; charset=utf-8', 'the type')
    t.match(html.headers['content-security-policy'], restricted, 'the policy')
    t.strictSame(
      [...html.body.matchAll(/<a href="([^"]+)"><code>(\w+)<\/code><\/a>/g)].map(
        ([, path, code]) => [path, code],
      ),
      codes.map((code) => [`${base}/problems/${code}`, code]),
      `the links under ${PUBLIC_URL}`,
    )
  }
})

await t.test('a page leads on to where its advice can be followed', async (t) => {
  await tableIs(
    t,
    [
      ['invalid_one_time_token', 0, ['/password/forgot', '/email/resend', '/problems']],
      ['email_unverified', 0, ['/email/resend', '/problems']],
      ['not_found', 0, ['/problems']],
    ],
    async (_, code) => {
      const accept = { headers: { accept: 'text/html' } }
      const { body } = await call('GET', `/problems/${code}`, accept)
      const links = [...body.matchAll(/href="([^"]+)"/g)].map(([, path = '']) => path)
      for (const path of links)
        t.equal((await call('GET', path, accept)).statusCode, 200, `${code}: ${path}`)
      return links
    },
    'links',
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
