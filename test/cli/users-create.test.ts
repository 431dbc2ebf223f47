import t, { type Test } from 'tap'
import { createUser } from '../../src/cli/users-create.js'
import { Problem } from '../../src/errors.js'
import { createHashGate } from '../../src/passwords/gate.js'
import { createPasswords, type Passwords } from '../../src/passwords/passwords.js'
import { createEstimator } from '../../src/passwords/strength.js'
import { buildTestApp, cheapHash, goodPassword, onEachDatabase } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { commandOn } from '../support/operator.js'

const shipped = await createPasswords({
  cost: cheapHash,
  minLength: 8,
  estimate: createEstimator(),
  gate: createHashGate({ concurrency: 1, queueMilliseconds: 0, now: Date.now }),
})

await onEachDatabase(t, async (t, database) => {
  const { call, store } = await buildTestApp(t, { database })
  const create = async (
    email: string,
    options: Parameters<typeof fakeTerminal>[0],
    name: string | null = null,
    passwords: Passwords = shipped,
  ) => {
    const terminal = fakeTerminal(options)
    await createUser(
      { email, name, emailVerified: false },
      { ...commandOn(store), passwords, terminal },
    )
    return (await terminal.output()).stdout
  }

  await t.test('an account that is created can log in', async (t) => {
    t.equal(
      await create(' Ada@Example.org', { input: `${goodPassword}\r\nignored` }, 'Ada'),
      'Created ada@example.org.\n',
    )
    t.equal(
      await create('bob@example.org', {
        answers: [
          ['Password: ', `${goodPassword}\r`],
          ['Repeat password: ', `${goodPassword}\r`],
        ],
      }),
      'Created bob@example.org.\n',
    )
    t.equal(
      await create('eve@example.org', { input: ` ${goodPassword} ` }),
      'Created eve@example.org.\n',
    )
    for (const [email, password] of [
      ['ada', goodPassword],
      ['bob', goodPassword],
      ['eve', ` ${goodPassword} `],
    ] as const)
      t.equal(
        (await call('POST', '/login', { body: { email: `${email}@example.org`, password } }))
          .statusCode,
        200,
        email,
      )
  })

  await t.test('what a sign-up would refuse is refused', async (t) => {
    const rows: Array<
      [email: string, options: Parameters<typeof fakeTerminal>[0], says: RegExp, name?: string]
    > = [
      ['ADA@example.org', { input: goodPassword }, /^ada@example.org already has an account\.$/],
      ['nobody', { input: goodPassword }, /^The e-mail address is not valid\.$/],
      ['sam@example.org', { input: goodPassword }, /^A name must have/, 'S\0am'],
      ['sam@example.org', { input: goodPassword }, /^A name must have/, ''],
      [
        'sam@example.org',
        { input: '' },
        /^Write the password to the first line of the standard input\.$/,
      ],
      [
        'sam@example.org',
        { input: '\n' },
        /^The password is too weak \(too_short, too_guessable\)\. Use at least 8 characters\./,
      ],
      [
        'sam@example.org',
        { input: 'sam@example.org-1' },
        /^The password is too weak \(.*contains_email/,
      ],
      ['sam@example.org', { input: 'x'.repeat(300) }, /^The password is too weak \(too_long\)/],
      ['sam@example.org', { input: 'x'.repeat(20_000) }, /^The password is longer than 16 KiB\.$/],
      [
        'sam@example.org',
        { input: Buffer.from('secret\xff', 'latin1') },
        /^The password is not UTF-8\.$/,
      ],
      [
        'sam@example.org',
        {
          answers: [
            ['Password: ', `${goodPassword}\r`],
            ['Repeat password: ', `${goodPassword}x\r`],
          ],
        },
        /^The passwords differ\. Nothing was changed\.$/,
      ],
    ]
    for (const [email, options, message, name] of rows)
      await t.rejects(create(email, options, name), { name: 'CommandError', message })
    t.equal((await store.accounts.list(null, 10)).length, 3, 'nothing was created')
  })

  await t.test('what is no fault of the password stays what it is', async (t) => {
    const failing = (error: Error): Passwords => ({
      ...shipped,
      withHashSlot: async () => {
        throw error
      },
    })
    for (const error of [new Problem('overloaded'), new Error('a fault of ours')])
      await t.rejects(
        create('sam@example.org', { input: goodPassword }, null, failing(error)),
        error,
      )
    await t.rejects(
      create(
        'sam@example.org',
        { input: goodPassword },
        null,
        failing(new Problem('weak_password')),
      ),
      { name: 'CommandError', message: 'The password is too weak ().' },
    )
  })

  await t.test('the rest of the standard input is not waited for', async (t: Test) => {
    const terminal = fakeTerminal()
    terminal.stdin.write(`${goodPassword}\n`)
    await createUser(
      { email: 'kim@example.org', name: null, emailVerified: true },
      { ...commandOn(store), passwords: shipped, terminal },
    )
    t.equal(terminal.stdin.destroyed, true)
    t.not((await store.accounts.findByEmail('kim@example.org'))?.emailVerifiedAt, null)
  })
})
