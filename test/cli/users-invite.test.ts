import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, outcome } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'
import { createCommands } from '../support/operator.js'
import { runMain } from '../support/process.js'

await onEachDatabase(t, async (t, database) => {
  const { call, databaseUrl, jwks, store, time } = await buildTestApp(t, { database })
  // The command goes by the time of the system.
  time.now = Date.now()
  const env = { DATABASE_URL: databaseUrl, PUBLIC_URL: 'http://localhost:3000' }
  const run = createCommands({ ...env, KEYS: JSON.stringify(jwks) })
  const email = 'ada@example.org'

  await t.test('the link of an invitation works at the server', async (t) => {
    const args = ['invite', ' Ada@example.org', '--name', 'Ada', '--role', 'a', '--role', 'b']
    const { stdout, stderr, mails } = await run(args)
    t.equal(stdout, `Invited ${email}. The link in the mail works once, within 7 days.\n`)
    t.equal(stderr, '')
    t.match(mails, [{ to: email, subject: 'You have been invited to localhost:3000' }])
    const account = await store.accounts.findByEmail(email)
    t.match(account, { name: 'Ada', roles: '["a","b"]', passwordHash: /^!/, emailVerifiedAt: null })
    t.match(await store.auditLog.list({}, null, 9), [
      { actor: 'cli', event: 'admin.user_invited', subject: account?.id, details: /"a","b"/ },
    ])
    t.equal((await run(['grant', email, 'c'])).stderr, '', 'only the reader of the mail gets in')
    const body = { token: tokenOf(mails[0] ?? { text: '' }), new_password: goodPassword }
    t.equal((await call('POST', '/password/reset', { body })).statusCode, 204)
    const login = await call('POST', '/login', { body: { email, password: goodPassword } })
    t.match(login.json(), { user: { email_verified: true } })
    t.equal(outcome(await call('POST', '/password/reset', { body })), '400 invalid_one_time_token')
  })

  await t.test('an invitation that is refused changes nothing', async (t) => {
    const rows: Array<[args: string[], message: string | RegExp]> = [
      [[email], /^CommandError: ada@example.org already has an account\. .*grant ada@example/],
      [['nobody'], 'CommandError: The e-mail address is not valid.'],
      [['x@example.org', '--name', ''], /^CommandError: A name must have/],
      [['x@example.org', '--role', 'X'], /^CommandError: The roles are not valid/],
    ]
    for (const [args, message] of rows) {
      const { stderr, mails } = await run(['invite', ...args])
      t.match(stderr, message)
      t.strictSame(mails, [])
    }
    const without = createCommands({ ...env, KEYS_FILE: join(t.testdir(), 'none.json') })
    t.match(await without(['invite', 'x@example.org']), { stderr: /^CommandError: .*key file/ })
    t.equal(await store.accounts.findByEmail('x@example.org'), null)
  })
})

t.test('without SMTP_URL the mail is a file, and its path is printed', async (t) => {
  const folder = t.testdir()
  const { databaseUrl, jwks } = await buildTestApp(t)
  const { stdout, stderr } = await runMain(t, folder, {
    args: ['users', 'invite', 'ada@example.org'],
    env: { DATABASE_URL: databaseUrl, KEYS: JSON.stringify(jwks) },
  })
  t.match(stdout, 'Invited ada@example.org.')
  const [file = ''] = readdirSync(join(folder, 'data/outbox'))
  t.match(stderr, `wrote the mail to data/outbox/${file}`)
  const mail = await simpleParser(readFileSync(join(folder, 'data/outbox', file)))
  t.match(mail.text, '/password/reset#token=')
})
