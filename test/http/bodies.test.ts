import t from 'tap'
import { bodyLimit } from '../../src/http/bodies.js'
import { buildTestApp, goodPassword, jsonType, pointers, problem } from '../helper.js'

const { app, call, signup } = await buildTestApp(t)
const { access_token: token } = await signup()
const credentials = { email: 'ada@example.org', password: goodPassword }
await signup(credentials)
const text = JSON.stringify(credentials)
const post = async (payload: string | Buffer, contentType: string | null = 'application/json') =>
  await app.inject({
    method: 'POST',
    url: '/login',
    payload,
    headers: contentType === null ? {} : { 'content-type': contentType },
  })

await t.test('the limit of a body is exact, in bytes', async (t) => {
  t.equal(bodyLimit, 16_384)
  const padded = (length: number, filling = ' ') =>
    text + filling.repeat(length - Buffer.byteLength(text))
  t.equal((await post(padded(bodyLimit))).statusCode, 200)
  problem(t, await post(padded(bodyLimit + 1)), 413, 'payload_too_large')
  const umlauts = JSON.stringify({ ...credentials, password: 'ü'.repeat(bodyLimit / 2) })
  problem(t, await post(umlauts), 413, 'payload_too_large')
  problem(t, await post('x'.repeat(1_000_000)), 413, 'payload_too_large')
  problem(
    t,
    await app.inject({
      method: 'POST',
      url: '/login',
      payload: text,
      headers: { ...jsonType, 'content-length': '99999999' },
    }),
    413,
    'payload_too_large',
  )
})

await t.test('the type of a body', async (t) => {
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
    'Application/JSON',
    'application/json;x=y',
    'application/json ; charset=utf-8',
  ]) {
    t.equal((await post(text, type)).statusCode, 200, type)
  }
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'text/html',
    'application/jsonp',
    'application/json5',
    'text/json',
    'application/vnd.api+json',
    'application/problem+json',
    'application/json\ta',
    'application/json garbage',
    'application/json, text/plain',
    'application',
    '/',
    '*/*',
    'json',
    ';',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/json;CHARSET=ascii',
    'application/json; charset=utf-8x',
    'application/json; charset=',
    null,
  ]) {
    problem(t, await post(text, type), 415, 'unsupported_media_type')
  }
  // White space around a header's value is none of it (RFC 9110 §5.5); Node's parser takes it away,
  // this way into the application does not.
  const padded = await post(text, ' application/json')
  t.ok([200, 415].includes(padded.statusCode))
  problem(
    t,
    await app.inject({
      method: 'DELETE',
      url: '/me',
      payload: text,
      headers: { 'content-type': 'text/plain', authorization: `Bearer ${token}` },
    }),
    415,
    'unsupported_media_type',
  )
})

await t.test('what is no JSON', async (t) => {
  for (const body of [
    '',
    ' ',
    '{',
    '{"a":1,}',
    "{'a':1}",
    'email=a',
    '<a/>',
    'NaN',
    'undefined',
    '{"email":"a\nb"}',
    '{}{}',
    '[',
    '{"a":01}',
    '"\\x"',
    '/**/{}',
    '\0',
    '﻿',
  ])
    problem(t, await post(body), 400, 'invalid_json')
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0xff, 0xfe, 0x7b, 0, 0x7d, 0],
    [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22],
    [0x22, 0xc3],
  ])
    problem(t, await post(Buffer.from(bytes)), 400, 'invalid_json')
  for (const members of [
    '"__proto__":{"role":"admin"}',
    '"\\u005f_proto__":{"role":"admin"}',
    '"constructor":{"prototype":{"role":"admin"}}',
  ])
    problem(t, await post(`{${members},${text.slice(1)}`), 400, 'invalid_json')
  t.equal(
    (await post(`\ufeff${text}`)).statusCode,
    200,
    'a byte order mark is ignored (RFC 8259 §8.1)',
  )
})

await t.test('members of hostile names', async (t) => {
  t.strictSame(pointers(t, await post(`{"constructor":1,"toString":2,${text.slice(1)}`)), [
    '/constructor',
    '/toString',
  ])
  t.strictSame(
    pointers(t, await post(`{"a/b~c":1,"":2,${text.slice(1)}`)),
    ['/a~1b~0c', '/'],
    'as RFC 6901 writes them',
  )
  const [long = ''] = pointers(t, await post(`{"${'😀'.repeat(2000)}":1,${text.slice(1)}`))
  t.ok(long.length <= 200 && long.isWellFormed(), 'bounded and well-formed')
  const many = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`m${index}`, 1]))
  t.equal(pointers(t, await post(JSON.stringify({ ...credentials, ...many }))).length, 10)
  t.equal(
    (await post(`{"password":"wrong",${text.slice(1)}`)).statusCode,
    200,
    'of two members of one name, the last counts',
  )
  problem(t, await post(`${text.slice(0, -1)},"password":"wrong"}`), 401, 'invalid_credentials')
})

await t.test('deep nesting', async (t) => {
  problem(t, await post('['.repeat(100_000)), 413, 'payload_too_large')
  problem(t, await post('['.repeat(16_000)), 400, 'invalid_json')
  t.strictSame(pointers(t, await post('['.repeat(8000) + ']'.repeat(8000))), [''])
  t.strictSame(pointers(t, await post(`${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`)).sort(), [
    '/a',
    '/email',
    '/password',
  ])
  t.strictSame(
    pointers(t, await post(`{"email":${'['.repeat(8000)}${']'.repeat(8000)},"password":""}`)),
    ['/email'],
  )
})

await t.test('a body where none is read', async (t) => {
  for (const [method, url] of [
    ['GET', '/health/live'],
    ['GET', '/claims'],
  ] as const) {
    const reply = await call(method, url, {
      token,
      body: '{broken',
      headers: { 'content-type': 'text/plain' },
    })
    t.equal(reply.statusCode, 200, 'is ignored')
  }
})
