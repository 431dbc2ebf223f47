import argon2 from 'argon2'
import t from 'tap'
import { judgePassword } from '../../src/passwords/policy.js'
import judge, { commonPasswords } from '../../src/passwords/strength-worker.js'
import { buildTestApp, cheapHash, goodPassword, onEachDatabase, problem } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'

/**
 * Of several published lists: the first ones, and those that look as if nobody could guess
 * them.
 */
const published = [
  'password',
  '123456789',
  'qwertyuiop',
  'Password1',
  '1q2w3e4r5t',
  '18atcskd2w',
  '3rJs1la7qE',
  'uQA9Ebw445',
  'PE#5GZ29PTZMSE',
  'N8ZGT5P0sHw=',
  '1v7Upjw3nT',
  'PolniyPizdec0211',
  'Telechargement',
  'triskelion',
  'winniethepooh',
  'fallen_angel',
  '-deleted-',
  'john!20130605at1753',
]

t.test(
  'every line of the list is refused, in any case; what only contains one is not (ASVS 6.2.4)',
  async (t) => {
    const reasonsOf = async (password: string) =>
      (
        await judgePassword(
          password,
          { email: 'x@y.example' },
          { minLength: 8, estimate: async (password, words) => judge({ password, words }) },
        )
      ).reasons
    t.ok(commonPasswords.size >= 3000, `${commonPasswords.size} lines`)
    const accepted: string[] = []
    for (const line of commonPasswords)
      if (
        !(await reasonsOf(line)).includes('too_guessable') ||
        !(await reasonsOf(line.toUpperCase())).includes('too_guessable')
      )
        accepted.push(line)
    t.strictSame(accepted, [])
    const unfit = [...commonPasswords].filter(
      (line) =>
        [...line].length < 8 ||
        line !== line.toLowerCase() ||
        line !== line.normalize('NFKC') ||
        line !== line.trim(),
    )
    t.strictSame(unfit, [], 'a line that never fits would be of no use')
    for (const password of published)
      t.strictSame(await reasonsOf(password), ['too_guessable'], password)
    for (const password of [
      goodPassword,
      'the triskelion of my brass lantern',
      'uQA9Ebw445-over-the-kettle',
    ])
      t.strictSame(await reasonsOf(password), [], password)
  },
)

await onEachDatabase(t, async (t, database) => {
  const { call, store, signup, nextMail } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
  })
  const refused = (reply: Awaited<ReturnType<typeof call>>, password: string) => {
    const { reasons, detail } = problem(t, reply, 422, 'weak_password')
    t.strictSame(reasons, ['too_guessable'], password)
    t.notMatch(detail, password)
  }
  const { access_token: token, user } = await signup()
  await call('POST', '/password/forgot', { body: { email: user.email } })
  const reset = tokenOf(await nextMail(user.email, 'Reset'))
  for (const password of ['uQA9Ebw445', 'Fallen_Angel', '\uff54riskelion']) {
    refused(
      await call('POST', '/signup', { body: { email: 'eve@example.org', password } }),
      password,
    )
    refused(
      await call('POST', '/password/change', {
        token,
        body: { current_password: goodPassword, new_password: password },
      }),
      password,
    )
    refused(
      await call('POST', '/password/reset', { body: { token: reset, new_password: password } }),
      password,
    )
    const email = `${Buffer.from(password).toString('hex')}@example.org`
    await store.accounts.createMany([
      {
        email,
        passwordHash: await argon2.hash(password.normalize('NFKC'), {
          memoryCost: cheapHash.memoryKiB,
          timeCost: 2,
          parallelism: 1,
        }),
        name: null,
        emailVerified: false,
      },
    ])
    t.equal(
      (await call('POST', '/login', { body: { email, password } })).statusCode,
      200,
      'whoever has it already can log in',
    )
  }
  t.equal(await store.accounts.findByEmail('eve@example.org'), null)
  t.equal(
    (await call('POST', '/login', { body: { email: user.email, password: goodPassword } }))
      .statusCode,
    200,
    'nothing has changed',
  )
})
