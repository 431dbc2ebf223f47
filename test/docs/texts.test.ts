import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { problemKinds, type Weakness } from '../../src/errors.js'
import { buildTestApp, problem, projectFile } from '../helper.js'

const text = await projectFile('docs/texts.md')

/** The cells of the table in a section. */
function rowsOf(title: string): string[][] {
  const [, section = ''] = new RegExp(`\n## ${title}\n([^]*?)(?=\n## |$)`).exec(text) ?? []
  const rows = section.split('\n').filter((line) => line.startsWith('| '))
  return rows.slice(1).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const words = (cell = '') => Array.from(cell.matchAll(/`([^`]+)`/g), ([, word = '']) => word)

t.test('every code has a text, or is one that users never see', async (t) => {
  const shown = rowsOf('By code')
  const codes = [...shown, ...rowsOf('Codes that users never see')].flatMap(([code]) => words(code))
  t.strictSame([...codes].sort(), Object.keys(problemKinds).sort())
  const meanings = Array.from(text.matchAll(/^\| \*\*([a-z ]+)\*\* \|/gm), ([, word]) => word)
  t.strictSame(meanings, ['log out', 'try again', 'fix the input', 'fault of the app'])
  for (const [code = '', sentence = '', meaning] of shown) {
    t.ok(meanings.includes(meaning), `${code} ${meaning}`)
    t.match(sentence, /^[A-Z].+[.)]$/, code)
    t.match(sentence, /\b(you|your|please)\b/i, `${code} speaks to the user`)
  }
})

t.test('every code of the browser client has a text', async (t) => {
  const sources = readdirSync('client/src').map((name) =>
    readFileSync(`client/src/${name}`, 'utf8'),
  )
  const thrown = sources.flatMap((source) =>
    Array.from(source.matchAll(/new LatchkeyError\(\s*'(\w+)'/g), ([, code = '']) => code),
  )
  const rows = rowsOf('Codes of the browser client')
  t.strictSame(rows.flatMap(([code]) => words(code)).sort(), [...new Set(thrown)].sort())
  for (const [code = '', sentence = ''] of rows) t.match(sentence, /^[A-Z].+\.$/, code)
})

t.test('only the refusal of a refresh logs out', async (t) => {
  const over = rowsOf('By code').filter(([, , meaning]) => meaning === 'log out')
  t.strictSame(
    over.map(([code]) => code),
    ['`invalid_refresh_token`'],
  )
  const retried = rowsOf('By code')
    .filter(([, , meaning]) => meaning === 'try again')
    .flatMap(([code]) => words(code))
  const passing = Object.entries(problemKinds).filter(
    ([, { status }]) => status >= 500 || status === 408 || status === 429,
  )
  t.strictSame(retried.sort(), passing.map(([code]) => code).sort())
})

t.test('every reason of a weak password has a text', async (t) => {
  const reasons: Record<Weakness, true> = {
    too_short: true,
    too_long: true,
    too_guessable: true,
    contains_email: true,
  }
  const rows = rowsOf('Reasons of `weak_password`')
  t.strictSame(
    rows.flatMap(([reason]) => words(reason)),
    Object.keys(reasons),
  )
})

t.test('the members with texts are those that users type', async (t) => {
  const typed = new Set(rowsOf('Members of `errors`').flatMap(([pointer]) => words(pointer)))
  const { app } = await buildTestApp(t)
  // The admin API is for programs and scripts of admins.
  const routes = Object.entries(app.swagger().paths ?? {}).filter(
    ([path]) => !path.startsWith('/admin/'),
  )
  const members = routes.flatMap(([, { post, patch }]) =>
    [post, patch].flatMap((operation) => {
      const body = operation?.requestBody as { content?: Record<string, { schema?: object }> }
      const schema = body?.content?.['application/json']?.schema as { properties?: object }
      return Object.keys(schema?.properties ?? {})
    }),
  )
  const chosenByTheApp = ['token', 'refresh_token', 'transport']
  t.strictSame(
    [...typed].sort(),
    [...new Set(members)]
      .filter((member) => !chosenByTheApp.includes(member))
      .map((member) => `/${member}`)
      .sort(),
  )
})

t.test('every route that responds 202 has a text', async (t) => {
  const rows = rowsOf('Success with a mail')
  const { app, call } = await buildTestApp(t, { env: { SIGNUP_MODE: 'verify_first' } })
  const accepted = Object.entries(app.swagger().paths ?? {})
    .filter(([, { post }]) => post?.responses?.['202'] !== undefined)
    .map(([path]) => `POST ${path}`)
  t.strictSame(rows.map(([route]) => words(route)[0]).sort(), accepted.sort())
  const body = { email: 'ada@example.org', password: 'brass-lantern-under-the-stair' }
  t.equal((await call('POST', '/signup', { body })).statusCode, 202)
  const refusal = await call('POST', '/signup', { body: { ...body, email: 'no address' } })
  t.match(problem(t, refusal, 400, 'invalid_request'), { errors: [{ pointer: '/email' }] })
})
