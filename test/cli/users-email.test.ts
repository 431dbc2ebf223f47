import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import t from 'tap'
import { users } from '../../src/cli/users.js'
import { createSendMails, type SendMails } from '../../src/cli/users-mail.js'
import { loadConfig } from '../../src/config.js'
import type { Account } from '../../src/store/accounts.js'
import { createMailer } from '../../src/mail/mailer.js'
import { createEmailFlow, freshEmail } from '../support/email-flow.js'
import { buildTestApp, onEachDatabase, problem } from '../helper.js'
import { runMain } from '../support/process.js'
import { startSmtp } from '../support/smtp.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { commandOn } from '../support/operator.js'

const next = 'seven-green-kettles-whistle'

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, databaseUrl, signup, store } = test
  const { post, signupVerified, ask, confirm, move, undo, login } = createEmailFlow(test)
  const config = loadConfig({ DATABASE_URL: databaseUrl })
  /**
   * Runs the command. Returns what it says, or the message of its error, and the receivers and
   * subjects of its mails.
   */
  const setEmail = async (...args: string[]) => {
    const terminal = fakeTerminal({ input: '' })
    const told: Array<[string, string]> = []
    const keep: SendMails = async (mails) => {
      for (const { message } of mails) told.push([message.to, message.subject])
    }
    const code = await users(['set-email', ...args], config, terminal, keep).catch(
      (error: Error) => `${error.name}: ${error.message}`,
    )
    return { says: code === 0 ? (await terminal.output()).stdout : String(code), told }
  }

  await t.test(
    'ends every undo link, refresh token and change link, and tells the former address',
    async (t) => {
      const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
      const thiefs = freshEmail()
      const links = [
        await move(access, user.email, thiefs),
        await move(access, thiefs, freshEmail()),
      ]
      const pending = await ask(access, freshEmail())
      const rescued = freshEmail()
      const { email: before } = (await call('GET', '/me', { token: access })).json()
      const { says, told } = await setEmail(user.id.toUpperCase(), ` ${rescued.toUpperCase()}`)
      t.match(
        says,
        `Changed ${before} to ${rescued}.\nIts refresh tokens are revoked; its access tokens expire within 600 s. No former address can take the account back.\nIts password still works.`,
      )
      t.strictSame(told, [[before, 'Your e-mail address at localhost:3000 was changed']])
      t.match(await store.accounts.findById(user.id), {
        email: rescued,
        emailVerifiedAt: null,
        emailHistory: '[]',
        tokenEpoch: 1,
      })
      for (const link of links) problem(t, await undo(link), 400, 'invalid_one_time_token')
      problem(t, await confirm(pending), 400, 'invalid_one_time_token')
      problem(
        t,
        await post('/refresh', { refresh_token: refreshToken }),
        401,
        'invalid_refresh_token',
      )
      t.strictSame([await login(before), await login(rescued)], [401, 200])
    },
  )

  await t.test('--verified and --reset-password', async (t) => {
    const { user } = await signupVerified()
    const rescued = freshEmail()
    t.match(
      (await setEmail(user.email, rescued, '--verified', '--reset-password')).says,
      'Its password no longer works',
    )
    t.match(await store.accounts.findById(user.id), {
      email: rescued,
      passwordHash: /^![\w-]{22}$/,
    })
    t.ok((await store.accounts.findById(user.id))?.emailVerifiedAt !== null)
    t.equal(await login(rescued), 401)
    await post('/password/forgot', { email: rescued })
    const { text } = await test.nextMail(rescued, 'Reset')
    t.equal(
      (await post('/password/reset', { token: /token=(\S+)/.exec(text)?.[1], new_password: next }))
        .statusCode,
      204,
    )
    t.equal(await login(rescued, next), 200)
  })

  await t.test('the same address again only ends the links, and tells nobody', async (t) => {
    const { access_token: access, user } = await signupVerified()
    const to = freshEmail()
    const link = await move(access, user.email, to)
    const { says, told } = await setEmail(to, to, '--verified')
    t.match(says, `${to} keeps its address.`)
    t.strictSame(told, [])
    problem(t, await undo(link), 400, 'invalid_one_time_token')
  })

  await t.test(
    'the same address stays verified or unverified unless the command says otherwise',
    async (t) => {
      const [verified, unverified] = [(await signupVerified()).user, (await signup()).user]
      const isVerified = async ({ id }: { id: string }) =>
        (await store.accounts.findById(id))?.emailVerifiedAt !== null
      for (const { email } of [verified, unverified])
        await setEmail(email, email, '--reset-password')
      t.strictSame([await isVerified(verified), await isVerified(unverified)], [true, false])
      await setEmail(unverified.email, unverified.email, '--verified')
      t.equal(await isVerified(unverified), true)
      await setEmail(verified.email, freshEmail())
      t.equal(await isVerified(verified), false, 'another address')
    },
  )

  await t.test('refuses what does not fit, and changes nothing', async (t) => {
    const [{ user }, other] = [await signupVerified(), await signupVerified()]
    const rows = [
      [['nobody@example.org', freshEmail()], 'The account does not exist.'],
      [['nobody', freshEmail()], 'Name the account by its e-mail address or its id.'],
      [[user.email, 'no address'], 'The new address is not an e-mail address.'],
      [
        [user.email, other.user.email],
        `Another account has ${other.user.email}. Nothing was changed.`,
      ],
    ] as const
    for (const [args, says] of rows)
      t.strictSame(await setEmail(...args), { says: `CommandError: ${says}`, told: [] })
    t.match(await store.accounts.findById(user.id), { email: user.email, tokenEpoch: 0 })
    const account = await store.accounts.findById(user.id)
    t.equal(
      await store.accounts.change(
        { ...(account as Account), email: 'moved@example.org' },
        { email: freshEmail(), emailVerified: true },
        { keepAdmin: false },
      ),
      null,
      'changed meanwhile',
    )
    t.strictSame(await store.accounts.findById(user.id), account)
  })

  await t.test('a deletion by the operator tells the address and the former ones', async (t) => {
    // The command goes by the time of the system.
    test.time.now = Date.now()
    const { access_token: access, user } = await signupVerified()
    const to = freshEmail()
    await move(access, user.email, to)
    const told: string[] = []
    await users(['delete', to, '--yes'], config, fakeTerminal({ input: '' }), async (mails) => {
      told.push(...mails.map(({ mail, message }) => `${mail.kind}: ${message.to}`))
    })
    t.strictSame(told, [`account deleted: ${to}`, `account deleted: ${user.email}`])
  })
})

t.test('an account that is changed while the command runs', async (t) => {
  const { store, signup } = await buildTestApp(t)
  const { setEmail } = await import('../../src/cli/users-email.js')
  const { user } = await signup()
  const accounts = { ...store.accounts, change: async () => null }
  await t.rejects(
    setEmail(
      user.email,
      freshEmail(),
      { verified: false, resetPassword: false },
      commandOn({ ...store, accounts }),
    ),
    { message: /was changed meanwhile/ },
  )
})

t.test('mails of commands', async (t) => {
  const message = { to: 'ada@example.org', subject: 's', text: 't', html: 'h' }
  const mails = [{ mail: { kind: 'account deleted' as const, to: message.to }, message }]

  await t.test('through the mail server, and files without one', async (t) => {
    const smtp = await startSmtp(t)
    const folder = t.testdir()
    const { databaseUrl, signup, store } = await buildTestApp(t)
    const { user } = await signup()
    const env = { DATABASE_URL: databaseUrl }
    const sent = await runMain(t, folder, {
      env: { ...env, SMTP_URL: smtp.url },
      args: ['users', 'set-email', user.email, 'new@example.org'],
    })
    t.equal(sent.code, 0, sent.stderr)
    t.equal(sent.stderr, `Notified ${user.email} by mail.\n`)
    t.match(
      (await smtp.nextMail(user.email, 'Your e-mail address')).mail.text,
      /changed the e-mail address of your account/,
    )
    const written = await runMain(t, folder, { env, args: ['users', 'delete', user.id, '--yes'] })
    t.equal(written.code, 0, written.stderr)
    t.match(
      written.stderr,
      /^SMTP_URL is not set: wrote the mail to data\/outbox\/.*\.eml\nNotified new@example.org by mail.\n$/,
    )
    const [file = ''] = readdirSync(join(folder, 'data/outbox'))
    t.match(
      (await simpleParser(readFileSync(join(folder, 'data/outbox', file)))).subject,
      /was deleted/,
    )
    t.equal(await store.accounts.findById(user.id), null)
  })

  await t.test('what was delivered or written to a file is said', async (t) => {
    const terminal = fakeTerminal()
    const send = createSendMails(loadConfig({}), terminal, (_config, logger) =>
      createMailer({
        transport: {
          deliver: async () => {
            logger.info({ path: 'data/outbox/x.eml' }, '')
          },
          close: () => {},
        },
        logger,
      }),
    )
    await send(mails)
    t.equal(
      (await terminal.output()).stderr,
      'SMTP_URL is not set: wrote the mail to data/outbox/x.eml\nNotified ada@example.org by mail.\n',
    )
  })

  await t.test('what cannot be delivered is said, and the command has done its work', async (t) => {
    const terminal = fakeTerminal()
    const transport = {
      deliver: async () => {
        throw Object.assign(new Error('no'), { responseCode: 550, command: 'RCPT TO' })
      },
      close: () => {},
    }
    const send = createSendMails(loadConfig({}), terminal, (_config, logger) =>
      createMailer({ transport, logger }),
    )
    await send(mails)
    t.equal(
      (await terminal.output()).stderr,
      '1 of 1 mails could not be delivered to ada@example.org: check SMTP_URL, and notify the owner yourself.\n',
    )
  })
})
