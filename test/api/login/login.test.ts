import { pbkdf2Sync, scryptSync } from 'node:crypto'
import argon2 from 'argon2'
import bcrypt from 'bcrypt'
import t from 'tap'
import { decode } from '../../support/forge.js'
import {
  buildTestApp,
  cheapHash,
  goodPassword,
  headerNames,
  onEachDatabase,
  problem,
  query,
} from '../../helper.js'

const email = 'ada@example.org'

await onEachDatabase(t, async (t, database) => {
  const { call, signup, time, databaseUrl, log } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
  })
  const { user } = await signup({ email, name: 'Ada' })
  const login = async (body: object) => await call('POST', '/login', { body })
  const store = async (hash: string) => {
    await query(databaseUrl, `UPDATE users SET password_hash = '${hash}' WHERE email = '${email}'`)
  }
  const storedHash = async () =>
    String(
      (await query(databaseUrl, `SELECT password_hash FROM users WHERE email = '${email}'`))[0]
        ?.password_hash,
    )

  await t.test('logs in, in any spelling of the address', async (t) => {
    time.now += 60_000
    for (const spelling of [email, ' ADA@Example.org ']) {
      const reply = await login({ email: spelling, password: goodPassword })
      t.equal(reply.statusCode, 200)
      t.equal(reply.headers.location, undefined)
      const { access_token: token, refresh_token: refreshToken, ...rest } = reply.json()
      t.strictSame(rest, {
        token_type: 'Bearer',
        expires_in: 600,
        refresh_expires_in: 2592000,
        user,
      })
      t.match(decode(refreshToken), {
        header: { typ: 'rt+jwt' },
        payload: { sub: user.id, epoch: 0 },
      })
      const now = Math.floor(time.now / 1000)
      const claims = await call('GET', '/claims', { token })
      t.match(claims.json(), { sub: user.id, iat: now, exp: now + 600, auth_time: now })
    }
  })

  await t.test('an unknown address and every wrong password are answered alike', async (t) => {
    const answer = async (body: object) => {
      const reply = await login(body)
      const { request_id: _, ...rest } = problem(t, reply, 401, 'invalid_credentials')
      t.equal(reply.headers['www-authenticate'], 'Bearer realm="latchkey"')
      return { rest, names: headerNames(reply) }
    }
    const unknown = await answer({ email: 'nobody@example.org', password: goodPassword })
    for (const password of [
      'wrong',
      '',
      goodPassword.toUpperCase(),
      `${goodPassword} `,
      ` ${goodPassword}`,
      goodPassword.slice(0, -1),
      `${goodPassword}\0`,
      'x'.repeat(257),
      'x'.repeat(15_000),
      `${goodPassword}\ud800`,
      '\udfff',
    ]) {
      t.strictSame(
        await answer({ email, password }),
        unknown,
        JSON.stringify(password).slice(0, 40),
      )
      t.strictSame(await answer({ email: 'nobody@example.org', password }), unknown)
    }
    t.notOk(
      log().some(({ level }) => Number(level) > 30),
      'none of this is a fault of ours',
    )
  })

  await t.test(
    'a weaker hash, or one of another system, is replaced, also by logins at once',
    async (t) => {
      const salt = Buffer.from('a salt of 16 byt')
      const phc = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
      const hashes = [
        await argon2.hash(goodPassword, { memoryCost: 512, timeCost: 2, parallelism: 1 }),
        await argon2.hash(goodPassword, {
          memoryCost: cheapHash.memoryKiB,
          timeCost: 2,
          parallelism: 1,
          type: argon2.argon2i,
        }),
        await argon2.hash(goodPassword, {
          memoryCost: cheapHash.memoryKiB,
          timeCost: 2,
          parallelism: 1,
          type: argon2.argon2d,
        }),
        await bcrypt.hash(goodPassword, 4),
        (await bcrypt.hash(goodPassword, 4)).replace('$2b$', '$2y$'),
        `$scrypt$ln=10,r=8,p=1$${phc(salt)}$${phc(scryptSync(goodPassword, salt, 32, { N: 1024, r: 8, p: 1 }))}`,
        `$pbkdf2-sha256$i=1000,l=32$${phc(salt)}$${phc(pbkdf2Sync(goodPassword, salt, 1000, 32, 'sha256'))}`,
      ]
      for (const weak of hashes) {
        await store(weak)
        problem(t, await login({ email, password: 'wrong' }), 401, 'invalid_credentials')
        t.equal(await storedHash(), weak, 'not by a wrong password')
        const replies = await Promise.all(
          [1, 2, 3, 4, 5].map(async () => await login({ email, password: goodPassword })),
        )
        t.strictSame(
          replies.map(({ statusCode }) => statusCode),
          [200, 200, 200, 200, 200],
        )
        const strong = await storedHash()
        t.match(strong, /^\$argon2id\$v=19\$m=1024,t=2,p=1\$/)
        const again = await login({ email, password: goodPassword })
        t.strictSame(again.json().user, user, 'what the account shows has not changed')
        t.equal(await storedHash(), strong, 'a hash at the cost of today stays')
      }
    },
  )

  await t.test(
    'a stored hash that nothing can read is a wrong password, and is logged',
    async (t) => {
      const good = await storedHash()
      for (const hash of [
        '',
        'x',
        'null',
        '$2b$10$broken',
        '$argon2id$v=19$m=1024,t=2,p=1$c2FsdA',
        '$argon2id$v=16$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA',
        good.replace('m=1024', 'm=1'),
        good.replace('t=2', 't=0'),
        good.replace('p=1', 'p=0'),
      ]) {
        await store(hash)
        const before = log().length
        problem(t, await login({ email, password: goodPassword }), 401, 'invalid_credentials')
        const lines = log()
          .slice(before)
          .filter(({ msg }) => msg !== 'audit')
        t.match(
          lines,
          [
            { level: 50, msg: 'unreadable hash' },
            { level: 30, route: '/login', status: 401 },
          ],
          hash,
        )
      }
      await store(good)
    },
  )

  await t.test('that an account is disabled is said only after the right password', async (t) => {
    await query(
      databaseUrl,
      `UPDATE users SET disabled_at = ${database === 'sqlite' ? '1' : 'now()'} WHERE email = '${email}'`,
    )
    problem(t, await login({ email, password: 'wrong' }), 401, 'invalid_credentials')
    const body = problem(t, await login({ email, password: goodPassword }), 403, 'account_disabled')
    t.strictSame(Object.keys(body), ['type', 'title', 'status', 'code', 'detail', 'request_id'])
  })
})
