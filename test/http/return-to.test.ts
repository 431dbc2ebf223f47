import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createReturnTo } from '../../src/http/return-to.js'
import { type Case, everyRowIs, rowsOf, tableIs } from '../support/table.js'

const returnTo = createReturnTo({
  publicUrl: 'https://id.example.com/auth',
  appUrl: 'https://app.example.com/start',
  corsOrigins: ['https://spa.example.org:8443', 'capacitor://localhost'],
})
const host = 'https://id.example.com'

/** The page, or the refused parameter. */
function read(url: string): unknown {
  try {
    return returnTo.require({ url })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return [error.code, ...(error.extras.errors ?? []).map(({ pointer }) => pointer)].join(' ')
  }
}
const refused = 'invalid_request return_to'

t.test('a path or URL of a known origin becomes an absolute URL', async (t) => {
  const rows: Array<[query: string, expected: string]> = [
    ['return_to=/', `${host}/`],
    ['return_to=/a', `${host}/a`],
    ['return_to=%2Fa', `${host}/a`],
    ['return_to=/a?b=1&c=2', `${host}/a?b=1&c=2`],
    ['return_to=%2Fa%3Fb%3D1%26c%3D2', `${host}/a?b=1&c=2`],
    // Python's quote() leaves slashes as they are.
    ['return_to=/a%3Fb%3D1%26c%3D2', `${host}/a?b=1&c=2`],
    ['return_to=/a?q=%26%3F%5Cd%0D%0A', `${host}/a?q=%26%3F%5Cd%0D%0A`],
    ['return_to=/a?q=100%', `${host}/a?q=100%`],
    ['return_to=/a%20b', `${host}/a%20b`],
    ['return_to=/a+b', `${host}/a+b`],
    ['return_to=%2Fa+b', `${host}/a%20b`],
    ['return_to=/a?return_to=/b', `${host}/a?return_to=/b`],
    ['return_to=/a?x&return_to=/b', `${host}/a?x&return_to=/b`],
    ['return_to=/a&b=1', `${host}/a&b=1`],
    ['return_to=/a&return_token=1', `${host}/a&return_token=1`],
    ['reason=renewal_loop&return_to=%2Fa', `${host}/a`],
    ['return_to=%2Fa&reason=renewal_loop', `${host}/a`],
    ['return_to=%2Fa%3Freturn_to%3D%252Fb', `${host}/a?return_to=%2Fb`],
    ['return%5Fto=%2Fa', `${host}/a`],
    ['return_to=%2Fa%23part', `${host}/a#part`],
    ['return_to=/%C3%A4', `${host}/%C3%A4`],
    ['return_to=https://app.example.com', 'https://app.example.com/'],
    ['return_to=https://app.example.com/a?b&c', 'https://app.example.com/a?b&c'],
    ['return_to=https%3A%2F%2Fspa.example.org%3A8443%2F', 'https://spa.example.org:8443/'],
    ['return_to=https://id.example.com:443/a', `${host}/a`],
    ['return_to=HTTPS://ID.EXAMPLE.COM/A', `${host}/A`],
    // These stay on the host: the result is absolute.
    ['return_to=/%2509/evil', `${host}/%09/evil`],
    ['return_to=/.//evil.example', `${host}//evil.example`],
    ['return_to=/a/..//evil.example', `${host}//evil.example`],
    ['return_to=/%252F%252Fevil.example', `${host}/%2F%2Fevil.example`],
    ['return_to=/@evil.example', `${host}/@evil.example`],
    ['return_to=/evil.example:443', `${host}/evil.example:443`],
    ['return_to=/https:evil.example', `${host}/https:evil.example`],
    ['return_to=/%EF%BC%8Fevil.example', `${host}/%EF%BC%8Fevil.example`],
    ['return_to=/%E2%88%95evil.example', `${host}/%E2%88%95evil.example`],
    ['return_to=/%22%3E%3Cscript%3E', `${host}/%22%3E%3Cscript%3E`],
  ]
  await tableIs(
    t,
    rows.map(([query, expected]): Case<string> => [query, `/refresh?${query}`, expected]),
    read,
    'pages',
  )
  for (const [query] of rows) {
    const { origin } = new URL(String(read(`/refresh?${query}`)))
    t.ok([host, 'https://app.example.com', 'https://spa.example.org:8443'].includes(origin), query)
  }
})

t.test('everything else is refused', async (t) => {
  const values = [
    '',
    '//evil.example',
    '//evil.example?a&b',
    '///evil.example',
    '/\\evil.example',
    '/\\evil.example?a&b',
    '\\/evil.example',
    '\\\\evil.example',
    '/a\\..\\evil',
    '/%5Cevil.example',
    '/%5Cevil.example?a&b',
    '%2F%2Fevil.example',
    '%2F%5Cevil.example',
    '%5C%2Fevil.example',
    'https:evil.example',
    'https:/evil.example',
    'https:///evil.example',
    'https:\\\\evil.example',
    'https:///id.example.com',
    '/%09/evil.example',
    '/%09/evil.example?a&b',
    '/%0D%0ALocation:%20https://evil.example',
    '/%00',
    '/%7F',
    '/%C2%85',
    '/\u0000',
    '/\t/evil.example',
    '%09//evil.example',
    '%20//evil.example',
    '+//evil.example',
    'http://id.example.com@evil.example',
    'https://id.example.com@evil.example/?a&b',
    'https://id.example.com%40evil.example',
    'https://id.example.com%252F@evil.example',
    'https://user@id.example.com/',
    'https://:password@id.example.com/',
    'https://@evil.example/',
    'https://id.example.com:444',
    'https://id.example.com.',
    'https://id.example.com.evil.example',
    'https://evil.example/id.example.com',
    'https://evil.example#id.example.com',
    'https://evil.example\\id.example.com',
    'https://id.example.com%EF%BC%8Fevil.example',
    'https://xn--',
    'https://[',
    'http://id.example.com/',
    'https://spa.example.org',
    'https://example.com',
    'capacitor://localhost/',
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    '/javascript:alert(1)%0A',
    'data:text/html,x',
    'blob:https://id.example.com/x',
    'file:///etc/passwd',
    'view-source:https://id.example.com',
    'a',
    './a',
    '?a',
    '%23a',
    '%EF%BC%8Fa',
    '%E2%88%95%E2%88%95evil.example',
    '/%ED%A0%80',
    '/%E0%A4',
    '/%',
    '/%zz',
    `/${'a'.repeat(10_000)}`,
    `/${'a'.repeat(2000)}`,
    `/?${'a'.repeat(10_000)}`,
    `/${'%C3%A4'.repeat(1000)}`,
    '/a&return_to=/b',
    '/a&return_to',
    '%2Fa&return_to=%2Fb',
    '%2Fa&return%5Fto=%2Fa',
  ]
  await everyRowIs(
    t,
    rowsOf(values),
    refused,
    (value) => read(`/refresh?return_to=${value}`),
    'values',
  )
  await everyRowIs(
    t,
    rowsOf([
      '/refresh',
      '/refresh?',
      '/refresh?return_to',
      '/refresh?return_to[]=/a',
      '/refresh?return_to%5B%5D=/a',
      '/refresh?Return_To=/a',
      '/refresh?Return_To=/a?b&c',
      '/refresh?returnTo=/a',
      '/refresh?x=return_to=/a',
      '/refresh?return_to;=/a',
      '/refresh/return_to=/a',
    ]),
    refused,
    read,
    'other parameters',
  )
  t.equal(read(`/refresh?return_to=/${'a'.repeat(1976)}`), `${host}/${'a'.repeat(1976)}`)
  t.equal(read(`/refresh?return_to=/${'a'.repeat(1978)}`), refused, 'the whole URL counts')
})

t.test('a page may be opened without return_to', async (t) => {
  for (const url of ['/login', '/login?', '/login?reason=x', '/login?return_to[]=/a'])
    t.equal(returnTo.find({ url }), null, url)
})
