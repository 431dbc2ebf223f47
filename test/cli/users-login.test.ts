import argon2 from 'argon2'
import t from 'tap'
import { users } from '../../src/cli/users.js'
import { buildTestApp, onEachDatabase, problem } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'

const salt = Buffer.alloc(16, 1)
const argon = async (type: 0 | 1) =>
  await argon2.hash('sesame', { type, salt, memoryCost: 256, timeCost: 2, parallelism: 1 })

/** Made by other programs, see test/passwords/foreign.test.ts, and by argon2 at another cost. */
const people: Array<[name: string, password: string, hash: string]> = [
  ['php', 'rasmuslerdorf', '$2a$07$usesomesillystringfore2uDLvp1Ii2e./U9C8sBjqp8I90dH6hi'],
  ['php-2y', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['node', 'U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  [
    'scrypt',
    'password',
    '$scrypt$ln=10,r=8,p=1$8PHy8/T19vf4+fr7/P3+/w$em97/+bfIyakbn0sdd283iJpatCUtZpxL4h5d8jEtnY',
  ],
  [
    'passlib',
    'password',
    '$pbkdf2-sha256$6400$MDEyMzQ1Njc4OWFiY2RlZg$GAgw.j2X2FQf6rCn19KJonkGfQQsVMJDdhR2EPZ/a9I',
  ],
  [
    'pbkdf2',
    'password',
    '$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./w$7JpjqKnxCfKupr7RXyhBzOyaiDby3r66zVaV0PpzTHeAv/Rhegfu5r6FVr4bD7pDGkeRerZdnt6Zcqjq6quNSw',
  ],
  [
    'argon2id',
    'password',
    '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  ],
  ['argon2i', 'sesame', await argon(argon2.argon2i)],
  ['argon2d', 'sesame', await argon(argon2.argon2d)],
]

await onEachDatabase(t, async (t, database) => {
  const { call, store, config } = await buildTestApp(t, { database })
  const terminal = fakeTerminal({
    input: people
      .map(([name, , hash]) =>
        JSON.stringify({
          email: `${name}@Example.org`,
          password_hash: hash,
          name,
          email_verified: name === 'php',
        }),
      )
      .join('\n'),
  })
  t.equal(await users(['import', '-'], config, terminal), 0)
  for (const [name, password, hash] of people) {
    const email = `${name}@example.org`
    problem(
      t,
      await call('POST', '/login', { body: { email, password: `${password}x` } }),
      401,
      'invalid_credentials',
    )
    t.equal(
      (await store.accounts.findByEmail(email))?.passwordHash,
      hash,
      'a wrong password changes nothing',
    )
    for (const time of ['first', 'second']) {
      const reply = await call('POST', '/login', { body: { email, password } })
      t.match(
        reply.json(),
        { user: { email, name, email_verified: name === 'php' } },
        `${name}, the ${time} time`,
      )
      t.match(
        (await store.accounts.findByEmail(email))?.passwordHash,
        /^\$argon2id\$v=19\$m=1024,t=2,p=1\$/,
        'the hash is ours',
      )
    }
  }
})
