import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase } from '../../helper.js'
import { refusedRefresh } from '../../support/forger.js'
import { decode, forge, makeJwk, signer } from '../../support/forge.js'
import { operatorOn } from '../../support/accounts.js'

const day = 86_400
const life = 30 * day
const most = 90 * day

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database })
  const { call, signup, time, store, databaseUrl, stored } = test
  const refresh = async (token: string) =>
    await call('POST', '/refresh', { body: { refresh_token: token } })
  const begin = () => {
    time.now = Date.parse('2026-01-02T03:04:05Z')
    return time.now / 1000
  }

  await t.test('one token serves any number of calls, at once and later', async (t) => {
    const start = begin()
    const { refresh_token: token, user } = await signup()
    const replies = await Promise.all(Array.from({ length: 50 }, async () => await refresh(token)))
    t.strictSame([...new Set(replies.map(({ statusCode }) => statusCode))], [200])
    const given = replies.map((reply) =>
      reply.json<{ refresh_token: string; access_token: string }>(),
    )
    t.equal(new Set(given.flatMap((one) => [one.refresh_token, one.access_token])).size, 100)
    for (const { refresh_token: next } of given.slice(0, 5))
      t.match((await refresh(next)).json(), { user, refresh_expires_in: life })
    time.now = (start + life + 30) * 1000 - 1
    t.equal((await refresh(token)).statusCode, 200, 'until its end, and the leeway')
    time.now += 1
    refusedRefresh(t, 'over', await refresh(token))
  })

  await t.test(
    'a chain of refreshes ends at auth_time + REFRESH_MAX_SECONDS, to the second',
    async (t) => {
      const start = begin()
      let { refresh_token: token } = await signup()
      const left: number[] = []
      for (const after of [29 * day, 58 * day, 80 * day, 89 * day, most - 1]) {
        time.now = (start + after) * 1000
        const reply = await refresh(token)
        t.equal(reply.statusCode, 200, `after ${after} s`)
        token = reply.json().refresh_token
        const { payload } = decode(token)
        t.strictSame(
          [payload.auth_time, payload.exp],
          [start, Math.min(start + after + life, start + most)],
        )
        t.equal(reply.json().refresh_expires_in, Number(payload.exp) - start - after)
        t.equal(reply.json().expires_in, 600)
        left.push(reply.json().refresh_expires_in)
      }
      t.strictSame(left, [life, life, 10 * day, day, 1])
      time.now = (start + most) * 1000 - 1
      t.equal((await refresh(token)).statusCode, 200, 'the last millisecond')
      time.now += 1
      refusedRefresh(t, 'the end, without leeway', await refresh(token))
    },
  )

  await t.test('the end that comes while the account is read', async (t) => {
    const start = begin()
    const late = await buildTestApp(t, {
      databaseUrl,
      keys: test.jwks.keys,
      wrapStore: (store) => ({
        ...store,
        accounts: {
          ...store.accounts,
          findById: async (id) => {
            late.time.now += 2000
            return await store.accounts.findById(id)
          },
        },
      }),
    })
    const { refresh_token: token } = await signup()
    late.time.now = (start + most - 1) * 1000
    const { payload, header } = decode(token)
    const last = forge(header, { ...payload, exp: start + most }, signer(test.jwks.keys[0] ?? {}))
    refusedRefresh(
      t,
      'over',
      await late.call('POST', '/refresh', { body: { refresh_token: last } }),
    )
  })

  await t.test('what ends the refresh tokens of an account, and of no other', async (t) => {
    begin()
    const other = await signup()
    const everywhere = async ({ access_token: token }: { access_token: string }) => {
      t.equal((await call('POST', '/logout/everywhere', { token })).statusCode, 204)
    }
    const events: Record<string, (person: Awaited<ReturnType<typeof signup>>) => Promise<unknown>> =
      {
        'logging out everywhere': everywhere,
        'a password change': async ({ access_token: token }) => {
          t.equal(
            (
              await call('POST', '/password/change', {
                token,
                body: { current_password: goodPassword, new_password: `${goodPassword}-too` },
              })
            ).statusCode,
            200,
          )
        },
        'a deletion': async ({ access_token: token }) => {
          t.equal(
            (await call('DELETE', '/me', { token, body: { password: goodPassword } })).statusCode,
            204,
          )
        },
        'a disabling': async ({ user }) => {
          t.equal(await operatorOn(store.accounts).disable(user.id), true)
        },
        'a disabling by hand': async ({ user }) => {
          await stored.disable(user.id)
        },
        'a disabling, also when it is taken back': async ({ user }) => {
          await operatorOn(store.accounts).disable(user.id)
          await stored.enable(user.id)
        },
      }
    for (const [name, happen] of Object.entries(events)) {
      const person = await signup()
      const { refresh_token: second } = (await refresh(person.refresh_token)).json()
      await happen(person)
      for (const token of [person.refresh_token, second])
        refusedRefresh(t, name, await refresh(token))
      t.equal(
        (await call('GET', '/claims', { token: person.access_token })).statusCode,
        200,
        'an access token lives out its time',
      )
    }
    const again = await signup()
    await everywhere(again)
    const login = await call('POST', '/login', {
      body: { email: again.user.email, password: goodPassword },
    })
    t.match(decode(login.json().refresh_token).payload, { epoch: 1 })
    t.equal(
      (await refresh(login.json().refresh_token)).statusCode,
      200,
      'a new login is of the new epoch',
    )
    refusedRefresh(
      t,
      'a later epoch than the present one',
      await refresh(
        forge(
          decode(again.refresh_token).header,
          { ...decode(again.refresh_token).payload, epoch: 2 },
          signer(test.jwks.keys[0] ?? {}),
        ),
      ),
    )
    t.match(
      (await refresh(other.refresh_token)).json(),
      { user: other.user },
      'other accounts are untouched',
    )
  })

  await t.test('a token of an account that is not there, or of elsewhere', async (t) => {
    begin()
    const { refresh_token: token, access_token: access } = await signup()
    const { header, payload } = decode(token)
    const key = test.jwks.keys[0] ?? {}
    const rows: Array<[string, string]> = [
      ['an access token', access],
      ['nothing', ''],
      ['a word', 'null'],
      ...Array.from({ length: 12 }, (_, index): [string, string] => [
        'cut short',
        token.slice(0, Math.floor((token.length * index) / 12)),
      ]),
      ['one letter cut', token.slice(0, -1)],
      ['one letter more', `${token}A`],
      ['white space', ` ${token}`],
      ['as a header', `Bearer ${token}`],
      ['15 KiB', `${token}${'A'.repeat(15_000 - token.length)}`],
      ['ill-formed text', '\ud800'],
      [
        'no such account',
        forge(header, { ...payload, sub: '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1' }, signer(key)),
      ],
      [
        'another issuer',
        forge(
          header,
          { ...payload, iss: 'https://other.example.org', aud: 'https://other.example.org' },
          signer(key),
        ),
      ],
      ['a key that is not in the ring', forge(header, payload, signer(makeJwk('ES256')))],
    ]
    for (const [name, bad] of rows) refusedRefresh(t, name, await refresh(bad))
    t.equal((await refresh(token)).statusCode, 200, 'the token that they were made of is good')
  })
})

t.test(
  'REFRESH_MAX_SECONDS may be shorter than REFRESH_TOKEN_SECONDS, and both may change',
  async (t) => {
    const first = await buildTestApp(t, {
      env: { REFRESH_TOKEN_SECONDS: '7200', REFRESH_MAX_SECONDS: '3600' },
    })
    const { refresh_token: token } = await first.signup()
    const { exp = 0, iat = 0 } = decode(token).payload as { exp?: number; iat?: number }
    t.equal(exp - iat, 3600)
    const reply = async ({ call }: typeof first) =>
      await call('POST', '/refresh', { body: { refresh_token: token } })
    const shorter = await buildTestApp(t, {
      databaseUrl: first.databaseUrl,
      keys: first.jwks.keys,
      env: { REFRESH_TOKEN_SECONDS: '60', REFRESH_MAX_SECONDS: '600' },
    })
    shorter.time.now += 599_999
    t.match((await reply(shorter)).json(), { refresh_expires_in: 1 })
    shorter.time.now += 1
    refusedRefresh(t, 'a shorter limit holds for tokens of before', await reply(shorter))
    t.equal((await reply(first)).statusCode, 200)
  },
)

t.test('a token of a key that was taken out, or whose time is over', async (t) => {
  const old = { ...makeJwk('ES256'), iat: 1 }
  const test = await buildTestApp(t, { keys: [old] })
  const { refresh_token: token } = await test.signup()
  const refresh = async (app: typeof test) =>
    await app.call('POST', '/refresh', { body: { refresh_token: token } })
  const rotated = {
    databaseUrl: test.databaseUrl,
    keys: [old, { ...makeJwk('EdDSA'), iat: test.time.now / 1000 - 1200 }],
    env: { RATE_LIMITS: 'off' },
  }
  const next = await buildTestApp(t, rotated)
  t.match(decode((await refresh(next)).json().refresh_token), { header: { alg: 'EdDSA' } })
  refusedRefresh(
    t,
    'taken out',
    await refresh(await buildTestApp(t, { ...rotated, keys: rotated.keys.slice(1) })),
  )
  next.time.now += (life + 59) * 1000
  const { header, payload } = decode(token)
  const later = forge(header, { ...payload, exp: next.time.now / 1000 + 1000 }, signer(old))
  const say = async () => await next.call('POST', '/refresh', { body: { refresh_token: later } })
  t.equal((await say()).statusCode, 200, 'a forger who has the old key')
  next.time.now += 1000
  refusedRefresh(t, 'no honest token of the key can be alive', await say())
})
