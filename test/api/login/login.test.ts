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
  outcome,
  problem,
} from '../../helper.js'
import { outcomes } from '../../support/replies.js'
import { everyRowIs, rowsOf } from '../../support/table.js'

const email = 'ada@example.org'

await onEachDatabase(t, async (t, database) => {
  const { call, signup, time, stored, log } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
  })
  const { user } = await signup({ email, name: 'Ada' })
  const login = async (body: object) => await call('POST', '/login', { body })
  const storedHash = async () => (await stored.row(email))?.password_hash

  await t.test('a login takes any spelling of the address', async (t) => {
    time.now += 60_000
    for (const spelling of [email, ' ADA@Example.org ']) {
      const reply = await login({ email: spelling, password: goodPassword })
      const { access_token: token, refresh_token: refreshToken, ...rest } = reply.json()
      t.strictSame(
        [reply.statusCode, reply.headers.location, rest],
        [
          200,
          undefined,
          { token_type: 'Bearer', expires_in: 600, refresh_expires_in: 2592000, user },
        ],
        `${spelling}: the reply`,
      )
      t.match(
        decode(refreshToken),
        { header: { typ: 'rt+jwt' }, payload: { sub: user.id, epoch: 0 } },
        `${spelling}: the refresh token`,
      )
      const now = Math.floor(time.now / 1000)
      const claims = await call('GET', '/claims', { token })
      t.match(
        claims.json(),
        { sub: user.id, iat: now, exp: now + 600, auth_time: now },
        `${spelling}: the claims`,
      )
    }
  })

  await t.test('an unknown address and every wrong password have the same reply', async (t) => {
    const answer = async (body: object) => {
      const reply = await login(body)
      const { request_id: _, ...rest } = reply.json()
      const challenge = reply.headers['www-authenticate']
      return { outcome: outcome(reply), challenge, rest, names: headerNames(reply) }
    }
    const unknown = await answer({ email: 'nobody@example.org', password: goodPassword })
    t.match(
      unknown,
      { outcome: '401 invalid_credentials', challenge: 'Bearer realm="latchkey"' },
      'the right password of another address',
    )
    await everyRowIs(
      t,
      rowsOf([
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
      ]),
      [unknown, unknown],
      async (password) => [
        await answer({ email, password }),
        await answer({ email: 'nobody@example.org', password }),
      ],
      'wrong passwords of a known and an unknown address',
    )
    t.notOk(
      log().some(({ level }) => Number(level) > 30),
      'the log has no warning',
    )
  })

  await t.test('a weaker or foreign hash is replaced, also by logins at once', async (t) => {
    const salt = Buffer.from('a salt of 16 byt')
    const phc = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
    const argon = { memoryCost: cheapHash.memoryKiB, timeCost: 2, parallelism: 1 }
    const hashes = {
      'argon2id with less memory': await argon2.hash(goodPassword, { ...argon, memoryCost: 512 }),
      argon2i: await argon2.hash(goodPassword, { ...argon, type: argon2.argon2i }),
      argon2d: await argon2.hash(goodPassword, { ...argon, type: argon2.argon2d }),
      'bcrypt $2b$': await bcrypt.hash(goodPassword, 4),
      'bcrypt $2y$': (await bcrypt.hash(goodPassword, 4)).replace('$2b$', '$2y$'),
      scrypt: `$scrypt$ln=10,r=8,p=1$${phc(salt)}$${phc(scryptSync(goodPassword, salt, 32, { N: 1024, r: 8, p: 1 }))}`,
      pbkdf2: `$pbkdf2-sha256$i=1000,l=32$${phc(salt)}$${phc(pbkdf2Sync(goodPassword, salt, 1000, 32, 'sha256'))}`,
    }
    await everyRowIs(
      t,
      Object.entries(hashes),
      {
        wrongPassword: '401 invalid_credentials',
        keptByWrongPassword: true,
        rightPasswords: { 200: 5 },
        strongHash: true,
        user,
        strongHashKept: true,
      },
      async (weak) => {
        await stored.setHash(email, weak)
        const wrong = await login({ email, password: 'wrong' })
        const kept = await storedHash()
        const replies = await Promise.all(
          [1, 2, 3, 4, 5].map(async () => await login({ email, password: goodPassword })),
        )
        const strong = await storedHash()
        const again = await login({ email, password: goodPassword })
        return {
          wrongPassword: outcome(wrong),
          keptByWrongPassword: kept === weak,
          rightPasswords: outcomes(replies),
          strongHash: /^\$argon2id\$v=19\$m=1024,t=2,p=1\$/.test(String(strong)),
          user: again.json().user,
          strongHashKept: (await storedHash()) === strong,
        }
      },
      'weak hashes',
    )
  })

  await t.test('an unreadable stored hash is a wrong password and is logged', async (t) => {
    const good = String(await storedHash())
    await everyRowIs(
      t,
      rowsOf([
        '',
        'x',
        'null',
        '$2b$10$broken',
        '$argon2id$v=19$m=1024,t=2,p=1$c2FsdA',
        '$argon2id$v=16$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA',
        good.replace('m=1024', 'm=1'),
        good.replace('t=2', 't=0'),
        good.replace('p=1', 'p=0'),
      ]),
      ['401 invalid_credentials', [50, 'unreadable hash', undefined], [30, '/login', 401]],
      async (hash) => {
        await stored.setHash(email, hash)
        const before = log().length
        const reply = await login({ email, password: goodPassword })
        const lines = log()
          .slice(before)
          .filter(({ msg }) => msg !== 'audit')
        return [
          outcome(reply),
          ...lines.map(({ level, msg, route, status }) => [level, route ?? msg, status]),
        ]
      },
      'unreadable hashes',
    )
    await stored.setHash(email, good)
  })

  await t.test('only the right password tells that an account is disabled', async (t) => {
    await stored.disable(email)
    problem(t, await login({ email, password: 'wrong' }), 401, 'invalid_credentials')
    const body = problem(t, await login({ email, password: goodPassword }), 403, 'account_disabled')
    t.strictSame(
      Object.keys(body),
      ['type', 'title', 'status', 'code', 'detail', 'request_id'],
      'the members of the refusal',
    )
  })
})
