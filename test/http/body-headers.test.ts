import t, { type Test } from 'tap'
import { buildTestApp, goodPassword } from '../helper.js'
import { exchange, listen } from '../support/raw-socket.js'
import { type Case, nameOf, tableIs } from '../support/table.js'

const { app, signup } = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
const port = await listen(app)
// The password tells UTF-8 from other encodings.
const password = `${goodPassword}-ü`
const person = await signup({ email: 'ada@example.org', password })
const text = Buffer.from(JSON.stringify({ email: 'ada@example.org', password })).toString('latin1')
const json = 'content-type: application/json'

/** Sends a body as raw text, with lines of headers. Returns what came back, in short. */
async function post(lines: string[], target = 'POST /login', body = text): Promise<string> {
  const framing = lines.some((line) => /^transfer-encoding/i.test(line))
    ? []
    : [`content-length: ${body.length}`]
  const head = [`${target} HTTP/1.1`, 'host: localhost', 'connection: close', ...framing, ...lines]
  const answers = await exchange(port, `${head.join('\r\n')}\r\n\r\n${body}`)
  return answers
    .map(({ status, headers, body }) =>
      [
        status,
        ...(status < 400 ? [] : [JSON.parse(body).code]),
        ...(headers['accept-encoding'] === undefined
          ? []
          : [`accept-encoding: ${headers['accept-encoding']}`]),
      ].join(' '),
    )
    .join(', ')
}
const postIs = async (t: Test, table: Array<[lines: string[], expected: string]>) => {
  await tableIs(
    t,
    table.map(([lines, expected]): Case<string[], string> => [nameOf(lines, 200), lines, expected]),
    async (lines) => await post(lines),
    'reply',
  )
}

await t.test('a body with a content coding', async (t) => {
  const refused = '415 unsupported_media_type accept-encoding: identity'
  await postIs(t, [
    [[json], '200'],
    [[json, 'content-encoding: identity'], '200'],
    [[json, 'Content-Encoding: IDENTITY'], '200'],
    [[json, 'content-encoding: identity, Identity'], '200'],
    [[json, 'content-encoding:'], '200'],
    [[json, 'content-encoding: , identity,'], '200'],
    [[json, 'content-encoding: gzip'], refused],
    [[json, 'content-encoding: GZip'], refused],
    [[json, 'content-encoding: br'], refused],
    [[json, 'content-encoding: identity, gzip'], refused],
    [[json, 'content-encoding: identity', 'content-encoding: deflate'], refused],
    [[json, 'content-encoding: gzip', 'content-encoding: identity'], refused],
    [[json, 'content-encoding: *'], refused],
    [['content-type: text/plain', 'content-encoding: gzip'], refused],
    [['content-encoding: gzip'], refused],
    [['content-type: text/plain'], '415 unsupported_media_type'],
  ])
})

await t.test('several Content-Type headers', async (t) => {
  const refused = '400 invalid_request'
  await postIs(t, [
    [[json, json], refused],
    [[json, 'Content-Type: text/plain'], refused],
    [['content-type: text/plain', json], refused],
    [[json, 'content-type:'], refused],
    [['content-type: application/json, application/json'], '415 unsupported_media_type'],
    [['content-type:'], '415 unsupported_media_type'],
  ])
})

await t.test('transfer codings', async (t) => {
  const chunked = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
  const refused = '400 invalid_request'
  const table: Array<[lines: string[], expected: string]> = [
    [[json, 'transfer-encoding: chunked'], '200'],
    [[json, 'Transfer-Encoding: Chunked'], '200'],
    [[json, 'transfer-encoding: gzip, chunked'], refused],
    [[json, 'transfer-encoding: gzip', 'transfer-encoding: chunked'], refused],
    [[json, 'transfer-encoding: identity, chunked'], refused],
    [[json, 'transfer-encoding: identity'], refused],
    [[json, 'transfer-encoding: chunked, chunked'], refused],
    [[json, 'transfer-encoding: chunked', 'transfer-encoding: chunked'], refused],
    [[json, 'transfer-encoding: chunked;x=y'], refused],
    [[json, 'transfer-encoding: x, chunked'], refused],
    [[json, 'transfer-encoding:'], refused],
    [[json, 'transfer-encoding: chunked, gzip'], refused],
    [
      [json, 'transfer-encoding: chunked', 'content-encoding: gzip'],
      '415 unsupported_media_type accept-encoding: identity',
    ],
  ]
  for (const target of ['POST /login', 'POST /nope', 'POST /logout', 'GET /health/live'])
    await tableIs(
      t,
      table.map(([lines, expected]): Case<string[], string> => {
        const passes = {
          'POST /nope': '404 not_found',
          'POST /logout': '204',
          'GET /health/live': '200',
        }
        const passed = passes[target as keyof typeof passes] ?? expected
        return [nameOf([target, ...lines], 200), lines, expected === refused ? refused : passed]
      }),
      async (lines) => await post(lines, target, chunked),
      `reply of ${target}`,
    )
  // What follows is never served, whatever the parser takes it for.
  const smuggled = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n'
  for (const coding of ['gzip, chunked', 'identity', 'chunked;x=y']) {
    const replies = await post([`transfer-encoding: ${coding}`, json], 'POST /login', smuggled)
    t.equal(replies, refused, coding)
  }
  const old = `POST /login HTTP/1.0\r\n${json}\r\ntransfer-encoding: chunked\r\n\r\n${chunked}`
  const [answer] = await exchange(port, old)
  t.equal(answer?.status, 400, 'HTTP/1.0 has no transfer codings (RFC 9112 §6.1)')
})

await t.test('a long header of the body is read in linear time', async (t) => {
  const spaces = ' '.repeat(15_000)
  for (const line of [`content-encoding: ,${spaces}x`, `${json};${spaces}x`]) {
    const times: number[] = []
    for (let index = 0; index < 4; index++) {
      const start = performance.now()
      await post([...(line.startsWith(json) ? [] : [json]), line], 'POST /me/delete')
      times.push(performance.now() - start)
    }
    t.ok(Math.min(...times) < 50, `${line.slice(0, 20)}: ${times.join(', ')} ms`)
  }
})

await t.test('charsets that are UTF-8, and others', async (t) => {
  const type = (parameters: string) => `content-type: application/json${parameters}`
  const refused = '415 unsupported_media_type'
  await postIs(t, [
    ...[
      ';charset=utf-8',
      ';charset=utf8',
      '; charset=UTF8',
      '; charset=us-ascii',
      ';Charset=US-ASCII',
      '; charset="utf-8"',
      '; charset="utf8"',
      '; charset="US-ASCII"',
      '; charset="utf\\-8"',
      '; x="; charset=utf-16"',
      '; x=y; charset=utf-8',
      '; charset=utf-8; charset=utf8',
    ].map((parameters): [string[], string] => [[type(parameters)], '200']),
    ...[
      ';charset=utf-16',
      ';charset=ascii',
      ';charset=iso-8859-1',
      ';charset=windows-1252',
      ';charset="utf-16"',
      ';charset=utf-8x',
      ';charset=',
      ';charset=""',
      ";charset='utf-8'",
      '; charset=utf-8; charset=utf-16',
      '; x=y; charset=utf-16',
      '; x="y"; charset=latin1',
    ].map((parameters): [string[], string] => [[type(parameters)], refused]),
  ])
})

await t.test('where no body is read, its headers do not count', async (t) => {
  const odd = ['content-encoding: gzip', 'content-type: a/b', 'content-type: c/d']
  const bearer = `authorization: Bearer ${person.access_token}`
  for (const [target, expected] of [
    ['GET /health/live', '200'],
    ['GET /me', '200'],
    ['POST /logout', '204'],
    ['POST /logout/everywhere', '204'],
    ['POST /nope', '404 not_found'],
    ['PUT /me', '405 method_not_allowed'],
  ] as const)
    t.equal(await post([...odd, bearer], target), expected, target)
  for (const target of ['PATCH /me', 'DELETE /me'])
    t.match(await post([json, 'content-encoding: gzip', bearer], target), /^415 .*identity$/)
})
