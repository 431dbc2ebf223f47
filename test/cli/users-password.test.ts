import t from 'tap'
import { users } from '../../src/cli/users.js'
import { setPassword } from '../../src/cli/users-password.js'
import { verifyUser } from '../../src/cli/users-verify.js'
import type { SendMails } from '../../src/cli/users-mail.js'
import { buildTestApp, goodPassword, onEachDatabase, problem } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { changedMeanwhile, commandOn } from '../support/operator.js'
import { tokenOf } from '../support/mailbox.js'
import { operatorOn } from '../support/accounts.js'

const next = 'seven-green-kettles-whistle'
const gone = '01a1fc01-f8b4-7454-b157-7ca464a8123c'
const dead = 'Its refresh tokens are revoked; its access tokens expire within 600 s.\n'

await onEachDatabase(t, async (t, database) => {
  const { call, signup, store, config, nextMail, stored } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off', ARGON2_MEMORY_KIB: '7168', ARGON2_PASSES: '5' },
  })
  const run = async (
    args: string[],
    options: Parameters<typeof fakeTerminal>[0] = { input: `${next}\n` },
  ) => {
    const terminal = fakeTerminal(options)
    const told: Array<[to: string, subject: string, text: string]> = []
    const keep: SendMails = async (mails) => {
      for (const { mail, message } of mails) told.push([mail.to, message.subject, message.text])
    }
    const code = await users(args, config, terminal, keep).catch(
      (error: Error) => `${error.name}: ${error.message}`,
    )
    return { says: code === 0 ? (await terminal.output()).stdout : String(code), told }
  }
  const post = async (url: string, body: object, token?: string) =>
    await call('POST', url, { body, ...(token !== undefined && { token }) })
  const login = async (email: string, password: string) =>
    (await post('/login', { email, password })).statusCode

  await t.test('set-password ends what a thief of the old password holds', async (t) => {
    const { user, access_token: access, refresh_token: refresh } = await signup()
    const { email } = user
    await post('/password/forgot', { email })
    const reset = tokenOf(await nextMail(email, 'Reset'))
    const moved = 'mallory@evil.example'
    await post('/email/change', { new_email: moved, password: goodPassword }, access)
    const change = tokenOf(await nextMail(moved, 'Confirm your new'))

    const { says, told } = await run(['set-password', email.toUpperCase()])
    t.equal(says, `Set the password of ${email}. ${dead}`)
    t.match(told, [
      [email, 'Your password for localhost:3000 was changed', /people who run localhost:3000 set/],
    ])
    t.notMatch(JSON.stringify([says, told]), next, 'the password is not shown or mailed')

    t.equal(await login(email, goodPassword), 401, 'the old password')
    problem(t, await post('/refresh', { refresh_token: refresh }), 401, 'invalid_refresh_token')
    problem(
      t,
      await post('/password/reset', { token: reset, new_password: `${goodPassword}-2` }),
      400,
      'invalid_one_time_token',
    )
    for (const password of [goodPassword, next])
      t.not(
        (await post('/email/change/confirm', { token: change, password })).statusCode,
        200,
        'the link of a changed address',
      )
    t.equal(await login(email, next), 200, 'the new password')
    t.equal((await store.accounts.findByEmail(email))?.emailVerifiedAt, null, 'not verified')
  })

  await t.test('set-password asks twice at a terminal, and works by id', async (t) => {
    const { user } = await signup()
    const answers = (second: string): Array<[string, string]> => [
      ['Password: ', `${next}\r`],
      ['Repeat password: ', `${second}\r`],
    ]
    t.match(await run(['set-password', user.id], { answers: answers('other') }), {
      says: 'CommandError: The passwords differ. Nothing was changed.',
      told: [],
    })
    t.equal(await login(user.email, goodPassword), 200)
    t.match(await run(['set-password', user.id], { answers: answers(next) }), {
      says: `Set the password of ${user.email}. ${dead}`,
    })
    t.equal(await login(user.email, next), 200)
  })

  await t.test('set-password keeps a disabled account disabled', async (t) => {
    const { user } = await signup()
    await operatorOn(store.accounts).disable(user.id)
    t.equal(
      (await run(['set-password', user.email])).says,
      `Set the password of ${user.email}. ${dead}The account is still disabled.\n`,
    )
    t.equal(await login(user.email, next), 403)
    await operatorOn(store.accounts).enable(user.id)
    t.equal(await login(user.email, next), 200)
  })

  await t.test('what a sign-up would refuse changes nothing', async (t) => {
    const { user } = await signup()
    const before = await stored.rows()
    for (const [who, password, message] of [
      [user.email, 'short', /^CommandError: The password is too weak \(too_short/],
      [user.email, user.email, /^CommandError: The password is too weak \(.*contains_email/],
      [user.email, '', /^CommandError: The password is too weak/],
      ['none@example.org', next, /^CommandError: The account does not exist\.$/],
      [gone, next, /^CommandError: The account does not exist\.$/],
      ['none', next, /^CommandError: Name the account by its e-mail address or its id\.$/],
    ] as const) {
      const { says, told } = await run(['set-password', who], { input: `${password}\n` })
      t.match(says, message)
      t.strictSame(told, [])
    }
    t.strictSame(await stored.rows(), before)
  })

  await t.test('verify marks the address, and nothing else', async (t) => {
    const { user, refresh_token: refresh } = await signup()
    const row = async () => (await stored.rows()).find(({ id }) => id === user.id)
    const withoutTimes = async () => {
      const {
        email_verified_at: since,
        updated_at: _1,
        changed_at: _2,
        ...rest
      } = (await row()) ?? {}
      return { since, rest }
    }
    const { rest: before } = await withoutTimes()
    t.strictSame(await run(['verify', user.email]), {
      says: `Verified ${user.email}. Its password and its tokens keep working.\n`,
      told: [],
    })
    const { since, rest: after } = await withoutTimes()
    t.not(since, null)
    t.strictSame(after, before)
    t.equal((await post('/refresh', { refresh_token: refresh })).json().user.email_verified, true)
    t.strictSame(await run(['verify', user.id]), {
      says: `${user.email} is already verified. Nothing was changed.\n`,
      told: [],
    })
    t.strictSame((await row())?.email_verified_at, since)
    t.match(await run(['verify', gone]), { says: 'CommandError: The account does not exist.' })
  })
})

t.test('an account that changes meanwhile is left alone', async (t) => {
  const store = changedMeanwhile({ id: gone, email: 'ada@example.org' }, false)
  const deps = commandOn(store, { input: next })
  const passwords = { withHashSlot: async () => 'hash' } as never
  const message = 'The account was changed meanwhile. This command changed nothing; try again.'
  await t.rejects(setPassword('ada@example.org', { ...deps, passwords }), { message })
  await t.rejects(verifyUser('ada@example.org', deps), { message })
})
