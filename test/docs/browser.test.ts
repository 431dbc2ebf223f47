import t from 'tap'
import { problemKinds } from '../../src/errors.js'
import { buildTestApp, goodPassword, projectFile } from '../helper.js'
import { createEmailFlow } from '../support/email-flow.js'
import { tokenOf } from '../support/mailbox.js'

const text = await projectFile('docs/browser.md')
const strong = `${goodPassword}-2`

t.test('every code in the docs of the browser exists', async (t) => {
  const own = [
    'network',
    'foreign_origin',
    'insecure_context',
    'storage_unavailable',
    'logged_out',
    // Members of JSON and of problems.
    ...['expires_in', 'reset_token', 'new_password'],
  ]
  const known = [...Object.keys(problemKinds), ...own]
  for (const page of [text, await projectFile('client/README.md')]) {
    const named = [...page.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, code = '']) => code)
    t.ok(named.length > 10, 'the codes are found')
    t.strictSame(
      named.filter((code) => !known.includes(code)),
      [],
    )
  }
})

t.test('docs/browser.md has every page that mails lead to', async (t) => {
  const mails = await projectFile('src/mail/messages.ts')
  const linked = [...mails.matchAll(/link\('([^']+)'/g)].map(([, path]) => path)
  const rows = [...text.matchAll(/^\| `(\/[^`]+)` \|/gm)].map(([, path]) => path)
  t.strictSame(rows.sort(), [...new Set(linked)].sort())
  const server = await projectFile('examples/spa/server.mjs')
  for (const path of rows) t.match(server, `'${path}'`, 'the example serves it')
})

t.test('the calls of these pages respond as docs/browser.md says', async (t) => {
  const built = await buildTestApp(t)
  const { signup, nextMail } = built
  const { post, ask, move, signupVerified } = createEmailFlow(built)
  const outcome = async (reply: ReturnType<typeof post>) => {
    const { statusCode, body } = await reply
    const { code, ...rest } = body === '' ? {} : JSON.parse(body)
    return code === undefined ? [statusCode, Object.keys(rest)] : [statusCode, code]
  }

  const { user } = await signup()
  await post('/password/forgot', { email: user.email })
  const token = tokenOf(await nextMail(user.email, 'Reset'), '/password/reset')
  const reset = async (password: string) =>
    await outcome(post('/password/reset', { token, new_password: password }))
  t.strictSame(await reset('weak'), [422, 'weak_password'])
  t.strictSame(await reset(strong), [204, []], 'the link still works')
  t.strictSame(await reset(strong), [400, 'invalid_one_time_token'])

  const { user: fresh } = await signup()
  const mail = tokenOf(await nextMail(fresh.email, 'Confirm your e-mail'), '/email/verify')
  t.strictSame(await outcome(post('/email/verify', { token: mail })), [200, ['email_verified']])

  const [one, other] = [await signupVerified('one@old.example'), await signup()]
  const change = await ask(one.access_token, 'one@new.example')
  const confirm = async (more: object, access?: string) =>
    (await outcome(post('/email/change/confirm', { token: change, ...more }, access)))[1]
  t.equal(await confirm({}), 'missing_token')
  t.equal(await confirm({}, other.access_token), 'missing_token', 'another user is logged in')
  t.match(await confirm({}, one.access_token), ['id', 'email'], 'its user needs no password')
  const notice = await move(one.access_token, 'one@new.example', 'one@third.example')
  t.match(await outcome(post('/email/undo', { token: notice })), [200, ['reset_token']])
})
