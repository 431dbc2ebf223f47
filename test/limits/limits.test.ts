import { mock } from 'node:test'
import t from 'tap'
import { limits } from '../../src/limits/table.js'
import { frozenNow, goodPassword, headerNames, pointers, problem } from '../helper.js'
import { setUp, statuses } from '../support/limited.js'

const { 'mail-network': byNetwork, 'mail-email-network': byBoth, 'mail-email': byEmail } = limits

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

t.test('mails to one address are limited, whether it has an account or not', async (t) => {
  const { forgot, signup, mails, nextMail } = await setUp(t)
  const { user } = await signup()
  const answers = []
  for (const email of [user.email, 'nobody@example.org']) {
    for (let i = 0; i < byEmail.calls; i++)
      t.equal(
        (await forgot(i % 2 ? email : ` ${email.toUpperCase()}`, `192.0.2.${i}`)).statusCode,
        202,
      )
    const reply = await forgot(email, '198.51.100.1')
    const { request_id: _, ...body } = problem(t, reply, 429, 'rate_limited')
    t.equal(
      reply.headers['ratelimit-policy'],
      `"mail-email";q=${byEmail.calls};w=${byEmail.seconds}`,
    )
    const wait = Number(reply.headers['retry-after'])
    t.ok(Number.isInteger(wait) && wait > 0 && wait <= byEmail.seconds)
    t.equal(reply.headers.ratelimit, `"mail-email";r=0;t=${wait}`)
    answers.push([body, headerNames(reply)])
  }
  t.strictSame(answers[0], answers[1])
  t.equal(
    (await forgot('else@example.org', '198.51.100.1')).statusCode,
    202,
    'other addresses are free',
  )
  for (let i = 0; i < byEmail.calls; i++) await nextMail(user.email, 'Reset')
  await new Promise((resolve) => {
    setTimeout(resolve, 50)
  })
  t.strictSame(
    mails.filter(({ subject }) => subject.startsWith('Reset')),
    [],
    'no more mails than calls that were taken',
  )
})

t.test(
  'one network cannot use up the mails of an address, and its own count is the same for addresses without an account',
  async (t) => {
    const { forgot, signup } = await setUp(t)
    const { user } = await signup()
    for (const email of [user.email, 'nobody@example.org']) {
      for (let i = 0; i < byBoth.calls; i++) t.equal((await forgot(email)).statusCode, 202)
      for (let i = 0; i < byEmail.calls; i++) {
        const reply = await forgot(email)
        problem(t, reply, 429, 'rate_limited')
        t.equal(
          reply.headers['ratelimit-policy'],
          `"mail-email-network";q=${byBoth.calls};w=${byBoth.seconds}`,
        )
      }
      t.equal(
        (await forgot(email, '198.51.100.1')).statusCode,
        202,
        'what was refused took nothing from others',
      )
      t.equal((await forgot('else@example.org')).statusCode, 202, 'nor from other addresses')
    }
  },
)

t.test(
  'each way to ask for a mail has a count of its own: no other one takes the way back from the owner',
  async (t) => {
    const { app, call, signup, forgot } = await setUp(t)
    const { user } = await signup()
    const { access_token: token } = await signup()
    const others: Array<[url: string, payload: object, headers: Record<string, string>]> = [
      ['/email/resend', { email: user.email }, {}],
      [
        '/email/change',
        { new_email: user.email, password: goodPassword },
        { authorization: `Bearer ${token}` },
      ],
    ]
    for (const [url, payload, headers] of others) {
      for (let i = 0; i < byEmail.calls; i++)
        t.equal(
          (
            await app.inject({
              method: 'POST',
              url,
              payload,
              headers,
              remoteAddress: `192.0.2.${i}`,
            })
          ).statusCode,
          202,
        )
      problem(
        t,
        await app.inject({ method: 'POST', url, payload, headers, remoteAddress: '198.51.100.1' }),
        429,
        'rate_limited',
      )
    }
    t.equal((await forgot(user.email)).statusCode, 202)
    t.equal(
      (await call('POST', '/password/forgot', { body: { email: user.email } })).statusCode,
      202,
    )
  },
)

t.test('a call that the limit of an address refuses does not count for its network', async (t) => {
  const { forgot } = await setUp(t)
  const [email, owner] = ['ada@example.org', '198.51.100.1']
  for (let i = 0; i < byEmail.calls; i++) await forgot(email, `192.0.2.${i}`)
  mock.timers.tick((byEmail.seconds - 60) * 1000)
  for (let i = 0; i < byBoth.calls; i++)
    t.equal((await forgot(email, owner)).statusCode, 429, 'others have used up the mails')
  mock.timers.tick(60_000)
  for (let i = 0; i < byBoth.calls; i++)
    t.equal((await forgot(email, owner)).statusCode, 202, 'the owner has all of their own')
})

t.test('mails asked for from one network are limited', async (t) => {
  const { forgot, call } = await setUp(t)
  t.strictSame(pointers(t, await forgot('no address', '2001:db8:1:2::1')), ['/email'])
  for (let i = 1; i < byNetwork.calls; i++)
    t.equal(
      (await forgot(`${i}@example.org`, `2001:db8:1:2::${i.toString(16)}`)).statusCode,
      202,
      `${i}`,
    )
  const reply = await forgot('x@example.org', '2001:db8:1:2:ffff::1')
  problem(t, reply, 429, 'rate_limited')
  t.match(reply.headers['ratelimit-policy'], /^"mail-network"/)
  t.equal((await forgot('x@example.org', '2001:db8:1:3::1')).statusCode, 202, 'another network')
  problem(
    t,
    await forgot('x@example.org', '2001:db8:1:2::9', { 'x-forwarded-for': '203.0.113.5' }),
    429,
    'rate_limited',
  )
  t.equal((await call('GET', '/health/live')).statusCode, 200, 'other routes are free')
})

t.test(
  'behind a proxy that is trusted, the client counts; any other one is a client itself',
  async (t) => {
    const { forgot } = await setUp(t, { env: { TRUST_PROXY: '10.0.0.0/8, ::1' } })
    for (let i = 0; i < byNetwork.calls; i++)
      await forgot(`${i}@example.org`, '10.1.2.3', { 'x-forwarded-for': '203.0.113.5' })
    problem(
      t,
      await forgot('x@example.org', '10.1.2.3', { 'x-forwarded-for': '203.0.113.5' }),
      429,
      'rate_limited',
    )
    problem(
      t,
      await forgot('x@example.org', '::1', { 'x-forwarded-for': '198.51.100.7, 203.0.113.5' }),
      429,
      'rate_limited',
    )
    t.equal(
      (await forgot('x@example.org', '10.1.2.3', { 'x-forwarded-for': '203.0.113.6' })).statusCode,
      202,
    )
    t.equal(
      (await forgot('y@example.org', '192.0.2.7', { 'x-forwarded-for': '203.0.113.5' })).statusCode,
      202,
      'its own address',
    )
  },
)

t.test('asking for another address counts as well, but not with a wrong password', async (t) => {
  const { call, signup, nextMail } = await setUp(t)
  for (const to of ['x@example.org', 'nobody@example.org']) {
    const replies = []
    for (const password of [
      'wrong',
      ...Array.from({ length: byBoth.calls + 1 }, () => goodPassword),
    ])
      replies.push(
        (
          await call('POST', '/email/change', {
            token: (await signup()).access_token,
            body: { new_email: to, password },
          })
        ).statusCode,
      )
    t.strictSame(replies, [403, ...Array.from({ length: byBoth.calls }, () => 202), 429])
  }
  await nextMail('x@example.org', 'Confirm your new')
})

t.test(
  'spellings of one mailbox count as one for mails, for accounts that exist and others alike, and each is kept as it is',
  async (t) => {
    const { app, call, forgot, signup: signUp } = await setUp(t)
    const { access_token: token } = await signUp()
    const ways: Array<
      [url: string, body: (email: string) => object, headers: Record<string, string>]
    > = [
      ['/password/forgot', (email) => ({ email }), {}],
      ['/email/resend', (email) => ({ email }), {}],
      [
        '/email/change',
        (email) => ({ new_email: email, password: goodPassword }),
        { authorization: `Bearer ${token}` },
      ],
    ]
    t.equal((await signUp({ email: 'Victim+0@example.org' })).user.email, 'victim+0@example.org')
    for (const spelling of [
      (index: number) => `victim+${index}@example.org`,
      (index: number) => `v.i.ctim+${index}@${index % 2 ? 'gmail' : 'googlemail'}.com`,
    ]) {
      for (const [url, body, headers] of ways) {
        const replies = []
        for (let index = 0; index < 130; index++)
          replies.push(
            await app.inject({
              method: 'POST',
              url,
              payload: body(spelling(index)),
              headers,
              remoteAddress: `2001:db8:${index.toString(16)}::1`,
            }),
          )
        t.strictSame(statuses(replies), { 202: byEmail.calls, 429: 130 - byEmail.calls }, url)
        const alone = []
        for (let index = 0; index < 20; index++)
          alone.push(
            await app.inject({
              method: 'POST',
              url,
              payload: body(spelling(index).replace('v', 'w')),
              headers,
              remoteAddress: '2001:db8:ffff::1',
            }),
          )
        t.equal(statuses(alone)[202], byBoth.calls, 'from one network')
        mock.timers.tick(byNetwork.seconds * 1000)
      }
    }
    t.equal(
      (await forgot('victim-1@example.org')).statusCode,
      202,
      'other separators stand in names',
    )
    t.equal(
      (
        await call('GET', '/me', {
          token: (await signUp({ email: 'victim+1@example.org' })).access_token,
        })
      ).json().email,
      'victim+1@example.org',
    )
  },
)

t.test(
  'whoever signs up with the address of somebody else cannot flood it with notices',
  async (t) => {
    const { call, signup, nextMail, mails } = await setUp(t)
    const { calls, seconds } = limits['notice-account']
    const { user, access_token: token } = await signup()
    const passwords = [goodPassword, `${goodPassword}-too`]
    const change = async (from: string | undefined, to: string | undefined) =>
      await call('POST', '/password/change', {
        token,
        body: { current_password: from, new_password: to },
      })
    for (let i = 0; i <= calls; i++)
      problem(t, await change(goodPassword, 'weak'), 422, 'weak_password')
    problem(t, await change('wrong', passwords[1]), 403, 'wrong_password')
    for (let i = 0; i < calls; i++)
      t.equal(
        (await change(passwords[i % 2], passwords[(i + 1) % 2])).statusCode,
        200,
        'what was refused is not counted',
      )
    const reply = await change(passwords[calls % 2], passwords[(calls + 1) % 2])
    problem(t, reply, 429, 'rate_limited')
    t.equal(reply.headers['ratelimit-policy'], `"notice-account";q=${calls};w=${seconds}`)
    const other = await signup()
    t.equal(
      (
        await call('POST', '/password/change', {
          token: other.access_token,
          body: { current_password: goodPassword, new_password: passwords[1] },
        })
      ).statusCode,
      200,
      'other accounts are free',
    )
    await nextMail(other.user.email, 'Your password')
    for (let i = 0; i < calls; i++) await nextMail(user.email, 'Your password')
    t.strictSame(
      mails.filter(({ subject }) => subject.startsWith('Your password')),
      [],
      'a mail for each change',
    )
  },
)

t.test('off', async (t) => {
  const { forgot } = await setUp(t, { env: { RATE_LIMITS: 'off' } })
  for (let i = 0; i < byNetwork.calls + 5; i++)
    t.equal((await forgot('x@example.org')).statusCode, 202)
})
