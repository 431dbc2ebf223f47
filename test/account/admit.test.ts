import { readFileSync } from 'node:fs'
import t from 'tap'
import { createAdmission } from '../../src/account/admit.js'
import { Problem } from '../../src/errors.js'
import type { Account } from '../../src/store/accounts.js'
import { buildTestApp, goodPassword, query } from '../helper.js'
import { sources } from '../support/sources.js'
import { tokenOf } from '../support/mailbox.js'

const account = {
  id: '1',
  disabledAt: null,
  emailVerifiedAt: new Date(0),
  roles: '[]',
  claims: '{}',
} as Account
const disabled = { ...account, disabledAt: new Date(0) }
const unverified = { ...account, emailVerifiedAt: null }
const both = { ...disabled, ...unverified, disabledAt: new Date(0) }

t.test('an account with an obstacle gets no tokens', async (t) => {
  const outcomes = [true, false].map((requireVerified) => {
    const { admit, obstacleOf } = createAdmission({ requireVerified, logger: { error: () => {} } })
    return Object.entries({ account, disabled, unverified, both }).map(([name, one]) => {
      try {
        return [name, obstacleOf(one), admit(one).account === one]
      } catch (error) {
        return [name, obstacleOf(one), (error as Problem).code, (error as Problem).extras.account]
      }
    })
  })
  t.strictSame(outcomes, [
    [
      ['account', null, true],
      ['disabled', 'account_disabled', 'account_disabled', '1'],
      ['unverified', 'email_unverified', 'email_unverified', '1'],
      ['both', 'account_disabled', 'account_disabled', '1'],
    ],
    [
      ['account', null, true],
      ['disabled', 'account_disabled', 'account_disabled', '1'],
      ['unverified', null, true],
      ['both', 'account_disabled', 'account_disabled', '1'],
    ],
  ])
})

/** Every route whose contract has a reply with tokens. Extend it with care: see the next test. */
const tokenRoutes = [
  'POST /email/verify',
  'POST /login',
  'POST /password/change',
  'POST /refresh',
  'POST /signup',
]

t.test('the routes that can return tokens are known', async (t) => {
  const { app } = await buildTestApp(t)
  const { paths = {} } = app.swagger() as unknown as {
    paths: Record<string, Record<string, { responses: object }>>
  }
  const found = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { responses }]) =>
        /"(access_token|refresh_token)"|TokenReply/.test(JSON.stringify(responses)),
      )
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  )
  // A machine client is not admitted: it has no login.
  t.strictSame(found.filter((route) => route !== 'POST /token').sort(), tokenRoutes)
})

t.test('tokens are issued and sent by sendTokens alone', async (t) => {
  const users = (word: RegExp) =>
    sources.filter((file) => word.test(readFileSync(file, 'utf8'))).sort()
  t.strictSame(users(/\bissueTokens\b/), [
    'src/http/credentials.ts',
    'src/services.ts',
    'src/tokens/tokens.ts',
  ])
  t.strictSame(users(/\btoTokenReply\b/), ['src/http/credentials.ts', 'src/http/token-reply.ts'])
  t.strictSame(users(/\bcreate(Access|Refresh)Tokens\b/), [
    'src/tokens/access-token.ts',
    'src/tokens/refresh-token.ts',
    'src/tokens/tokens.ts',
  ])
})

t.test('each route that can return tokens refuses a disabled account', async (t) => {
  const { call, signup, databaseUrl, nextMail } = await buildTestApp(t)
  const { user, access_token: token, refresh_token: refreshToken } = await signup()
  const link = tokenOf(await nextMail(user.email, 'Confirm'))
  await query(databaseUrl, `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`)
  const { email } = user
  const bodies: Record<string, object> = {
    'POST /login': { email, password: goodPassword },
    'POST /refresh': { refresh_token: refreshToken },
    'POST /password/change': { current_password: goodPassword, new_password: `${goodPassword}-2` },
    'POST /signup': { email, password: goodPassword },
  }
  const outcomes: Record<string, unknown> = {}
  for (const [route, body] of Object.entries(bodies)) {
    const reply = await call('POST', route.replace('POST ', ''), { body, token })
    outcomes[route] = reply.json<{ code: string }>().code
  }
  t.strictSame(outcomes, {
    'POST /login': 'account_disabled',
    'POST /refresh': 'invalid_refresh_token',
    'POST /password/change': 'forbidden',
    'POST /signup': 'email_taken',
  })
  // This link returns tokens only where it creates the account.
  const verified = await call('POST', '/email/verify', { body: { token: link } })
  t.strictSame(verified.json(), { email_verified: true })
})
