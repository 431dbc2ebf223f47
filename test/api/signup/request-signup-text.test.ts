import t from 'tap'
import { limits } from '../../../src/limits/table.js'
import {
  goodPassword,
  headerNames,
  jsonType,
  onEachDatabase,
  outcome,
  pointersOf,
  problem,
} from '../../helper.js'
import { refusesMisfits } from '../../support/misfits.js'
import { outcomes, uniquePointers } from '../../support/replies.js'
import { everyRowIs, nameOf, rowsOf, tableIs } from '../../support/table.js'
import { buildVerifyFirst as setUp } from '../../support/verify-first.js'

await onEachDatabase(t, async (t, database) => {
  await t.test('text survives the mail unchanged or is refused', async (t) => {
    const { signup, ask, verify, call, nextMail, rows } = await setUp(t, database)
    const names = [
      null,
      '👩🏽‍🚀 Ada',
      '\u202eadA',
      "Robert'); DROP TABLE users;--",
      '<script>alert(1)</script>',
      '😀'.repeat(200),
      '","email":"evil@example.org',
      '__proto__',
      '\ufeffAda',
    ]
    const passwords = [
      `${goodPassword}\0\r\n.`,
      `"${goodPassword}","email":"x@y.zz`,
      'ﬁve ﬁne ﬂutes Å 🎺 along',
      `${goodPassword}${'ß'.repeat(227)}`,
    ]
    const addresses = [
      "o'neil+tag@example.org",
      'ada@xn--bcher-kva.example',
      '!#$&*-/=?^_`{|}~@example.org',
      `${'x'.repeat(64)}@example.org`,
    ]
    await tableIs(
      t,
      names.map(
        (name, index) =>
          [
            nameOf(name),
            index,
            [{ email: addresses[index] ?? `${index}@example.org`, name, verified: true }, '200'],
          ] as const,
      ),
      async (index) => {
        const email = addresses[index] ?? `${index}@example.org`
        const password = passwords[index % passwords.length] as string
        const reply = await verify(await ask(email, { password, name: names[index] }))
        const { user } = reply.json()
        return [
          { email: user.email, name: user.name, verified: user.email_verified },
          outcome(await call('POST', '/login', { body: { email, password } })),
        ]
      },
      'names, addresses and passwords',
    )
    t.equal(
      outcome(await signup({ email: 'ada@BÜCHER.example', password: goodPassword })),
      '202',
      'another spelling of a taken domain',
    )
    await nextMail('ada@xn--bcher-kva.example', 'You already have an account')
    await everyRowIs(
      t,
      rowsOf(['\0', '\ud800', '\r\nBcc: x@y.zz', '\u2028']),
      [['/email'], ['/name']],
      async (broken) => [
        pointersOf(await signup({ email: `a${broken}b@example.org`, password: goodPassword })),
        uniquePointers(
          await signup({ email: 'a@example.org', password: goodPassword, name: `a${broken}b` }),
        ),
      ],
      'text that cannot be mailed',
    )
    const good = { email: 'a@example.org', password: goodPassword }
    await refusesMisfits(t, async (body) => await signup(body, jsonType), good, [
      ['one more member', { ...good, role: 'admin' }, ['/role']],
    ])
    t.equal((await rows()).length, names.length, 'no other account')
  })
})

t.test('sign-ups are limited by their mails, in the same way for every address', async (t) => {
  const { signup, verify, ask, call } = await setUp(t, 'sqlite', { env: { RATE_LIMITS: 'on' } })
  await verify(await ask('ada@example.org'))
  const { calls } = limits['mail-email-network']
  for (let i = 0; i <= calls; i++)
    problem(
      t,
      await signup({ email: 'new@example.org', password: 'password' }),
      422,
      'weak_password',
    )
  const answers = []
  for (const [email, asked] of [
    ['ada@example.org', 1],
    ['new@example.org', 0],
  ] as const) {
    const replies = []
    for (let i = asked; i < calls; i++)
      replies.push(await signup({ email, password: goodPassword }))
    t.strictSame(outcomes(replies), { 202: calls - asked }, `${email}: below the limit`)
    const reply = await signup({ email, password: goodPassword })
    const { request_id: _, ...body } = problem(t, reply, 429, 'rate_limited')
    answers.push([body, headerNames(reply)])
    t.equal(
      (await call('POST', '/password/forgot', { body: { email } })).statusCode,
      202,
      'a reset of the password counts apart',
    )
  }
  t.strictSame(answers[0], answers[1], 'the refusals are alike')
})
