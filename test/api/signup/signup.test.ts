import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  onEachDatabase,
  pointers,
  problem,
  query,
} from '../../helper.js'
import { decode } from '../../support/forge.js'

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

await onEachDatabase(t, async (t, database) => {
  const { call, time, databaseUrl } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
  })
  const rows = async (condition = '') =>
    await query(databaseUrl, `SELECT * FROM users ${condition}`)

  await t.test('makes an account and shows it', async (t) => {
    const reply = await call('POST', '/signup', {
      body: { email: ' Ada@Example.ORG ', password: goodPassword, name: 'Ada' },
    })
    t.equal(reply.statusCode, 201)
    t.equal(reply.headers.location, '/me')
    const { access_token: token, refresh_token: refreshToken, user, ...rest } = reply.json()
    const now = new Date(time.now).toISOString()
    t.strictSame(rest, { token_type: 'Bearer', expires_in: 600, refresh_expires_in: 2592000 })
    t.match(decode(refreshToken), {
      header: { typ: 'rt+jwt' },
      payload: { sub: user.id, epoch: 0 },
    })
    t.match(user.id, uuidV7)
    t.strictSame(user, {
      id: user.id,
      email: 'ada@example.org',
      email_verified: false,
      name: 'Ada',
      roles: [],
      created_at: now,
      updated_at: now,
    })
    const me = await call('GET', '/me', { token })
    t.strictSame(me.json(), user)
  })

  await t.test('stores a salted hash and nothing else of the password', async (t) => {
    for (const email of ['salt1@example.org', 'salt2@example.org'])
      await call('POST', '/signup', { body: { email, password: goodPassword } })
    const stored = await rows("WHERE email LIKE 'salt%'")
    t.match(
      stored,
      [1, 2].map(() => ({
        password_hash: /^\$argon2id\$v=19\$m=1024,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/,
        token_epoch: 0,
        name: null,
        disabled_at: null,
        email_verified_at: null,
      })),
    )
    t.not(stored[0]?.password_hash, stored[1]?.password_hash)
    t.notMatch(JSON.stringify(stored), goodPassword)
  })

  await t.test('of fifty sign-ups at once, one wins', async (t) => {
    const spellings = Array.from({ length: 50 }, (_, index) =>
      [...'race@example.org']
        .map((letter, place) => ((index >> (place % 6)) % 2 ? letter.toUpperCase() : letter))
        .join(''),
    )
    const replies = await Promise.all(
      spellings.map(
        async (email) => await call('POST', '/signup', { body: { email, password: goodPassword } }),
      ),
    )
    const [winner, ...others] = replies.sort((a, b) => a.statusCode - b.statusCode)
    t.equal(winner?.statusCode, 201)
    t.equal(others.length, 49)
    for (const reply of others) problem(t, reply, 409, 'email_taken')
    t.match(await rows("WHERE lower(email) = 'race@example.org'"), [
      { id: winner?.json().user.id, email: 'race@example.org' },
    ])
  })

  await t.test('a taken address says nothing of its account', async (t) => {
    const reply = await call('POST', '/signup', {
      body: { email: 'ADA@example.org', password: goodPassword },
    })
    const body = problem(t, reply, 409, 'email_taken')
    t.strictSame(Object.keys(body), ['type', 'title', 'status', 'code', 'detail', 'request_id'])
    t.equal(reply.headers.location, undefined)
    t.notMatch(reply.body, /ada/i)
  })

  for (const [password, reasons] of [
    ['qX7', ['too_short', 'too_guessable']],
    ['', ['too_short', 'too_guessable']],
    ['password', ['too_guessable']],
    ['hopperhopper1', ['too_guessable']],
    ['grace.hopper-brass-lantern-stair', ['contains_email']],
    ['x'.repeat(257), ['too_long']],
  ] as const) {
    await t.test(`weak: ${password.slice(0, 30)}`, async (t) => {
      const reply = await call('POST', '/signup', {
        body: { email: 'grace.hopper@example.org', password },
      })
      const body = problem(t, reply, 422, 'weak_password')
      t.strictSame(Object.keys(body), [
        'type',
        'title',
        'status',
        'code',
        'detail',
        'request_id',
        'reasons',
      ])
      t.strictSame(body.reasons, reasons)
      if (password.length > 8) t.notOk(reply.body.includes(password))
      t.strictSame(await rows("WHERE email = 'grace.hopper@example.org'"), [])
    })
  }

  await t.test('what a person must not set is refused and nothing is stored', async (t) => {
    for (const member of [
      'role',
      'id',
      'email_verified',
      'emailVerifiedAt',
      'password_hash',
      'passwordHash',
      'token_epoch',
      'disabled_at',
      'created_at',
    ]) {
      const reply = await call('POST', '/signup', {
        body: { email: 'mallory@example.org', password: goodPassword, [member]: 'x' },
      })
      t.strictSame(pointers(t, reply), [`/${member}`])
    }
    t.strictSame(await rows("WHERE email = 'mallory@example.org'"), [])
  })

  await t.test('a password of ill-formed Unicode', async (t) => {
    t.strictSame(
      pointers(
        t,
        await call('POST', '/signup', {
          body: { email: 'grace@example.org', password: `${goodPassword}\ud800` },
        }),
      ),
      ['/password'],
    )
  })
})
