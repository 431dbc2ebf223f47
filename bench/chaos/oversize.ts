const host = 'host: localhost\r\n'
const json = 'content-type: application/json\r\n'
const login = `POST /login HTTP/1.1\r\n${host}`
const whole = (text: string, headers = json) =>
  `${login}${headers}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
const keys = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `"${index}":1`).join()}}`

/**
 * Messages that are too large, too deep, too long or compressed, by name. Each is the start of
 * a connection; announced bytes beyond its end are never sent.
 */
export const oversize: Record<string, string> = {
  ...Object.fromEntries(
    [17 * 1024, 1024 ** 2, 1024 ** 3].map((length) => [
      `${length} bytes announced`,
      `${login}${json}content-length: ${length}\r\n\r\n{"email":"`,
    ]),
  ),
  '17 KiB sent': whole(`"${'x'.repeat(17 * 1024)}"`),
  '2 MiB sent': whole(`"${'x'.repeat(2 * 1024 ** 2)}"`),
  '17 KiB in chunks': `${login}${json}transfer-encoding: chunked\r\n\r\n${'10\r\n0123456789abcdef\r\n'.repeat(17 * 64)}`,
  'chunk extensions of 17 KiB': `${login}${json}transfer-encoding: chunked\r\n\r\n2;${'x'.repeat(17 * 1024)}\r\n{}\r\n0\r\n\r\n`,
  'headers of 17 KiB': `GET /claims HTTP/1.1\r\n${host}x-a: ${'x'.repeat(17 * 1024)}\r\n\r\n`,
  '3000 headers': `GET /claims HTTP/1.1\r\n${host}${'a: b\r\n'.repeat(3000)}\r\n`,
  'a token of 12 KiB': `GET /claims HTTP/1.1\r\n${host}authorization: Bearer ${'x'.repeat(12 * 1024)}\r\n\r\n`,
  'a URL of 17 KiB': `GET /${'x'.repeat(17 * 1024)} HTTP/1.1\r\n${host}\r\n`,
  'a URL of 12 KiB': `GET /${'x/'.repeat(6 * 1024)} HTTP/1.1\r\n${host}\r\n`,
  'arrays 8000 deep': whole('['.repeat(8000) + ']'.repeat(8000)),
  'arrays 100,000 deep': whole('['.repeat(100_000)),
  '2000 keys': whole(keys(2000)),
  '200,000 keys': whole(keys(200_000)),
  'broken JSON': whole('{"email":'),
  'a name that objects have': whole('{"__proto__":{"a":1}}'),
  'an address of 15 KiB': whole(
    JSON.stringify({ email: `${'a'.repeat(15_000)}@example.org`, password: 'x' }),
  ),
  'a password of 15 KiB': whole(
    JSON.stringify({ email: 'a@example.org', password: 'x'.repeat(15_000) }),
  ),
  ...Object.fromEntries(
    ['gzip', 'deflate', 'br', 'x'].map((coding) => [
      `compressed with ${coding}`,
      whole('\x1f\x8b\x08', `${json}content-encoding: ${coding}\r\n`),
    ]),
  ),
  'a form': whole('email=a', 'content-type: application/x-www-form-urlencoded\r\n'),
  'many types': whole('{}', `content-type: ${'application/json;'.repeat(900)}\r\n`),
}
