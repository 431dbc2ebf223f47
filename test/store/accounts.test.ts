import { randomUUID } from 'node:crypto'
import t from 'tap'
import { endEveryLogin } from '../../src/store/ended-logins.js'
import { frozenNow, onEachDatabase } from '../helper.js'
import { operatorOn } from '../support/accounts.js'
import { freshStore } from '../support/fresh-store.js'

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const nobody = '01a1fc01-f8b4-7454-b157-7ca464a8123c'

/** The members of an account whose epoch was raised. */
const raised = (times: number, now: number) => ({
  tokenEpoch: times,
  accessVersion: times,
  versionChangedAt: new Date(now),
  endedLogins: endEveryLogin(now),
})

await onEachDatabase(t, async (t, kind) => {
  await t.test('looked up together, each gets its own account', async (t) => {
    const { accounts, create } = await freshStore(t, kind)
    const [ada, bob] = [await create(), await create('bob@example.org')]
    const ids = [ada.id, nobody, bob.id, ada.id, '', bob.id]
    t.strictSame(await Promise.all(ids.map(async (id) => await accounts.findById(id))), [
      ada,
      null,
      bob,
      ada,
      null,
      bob,
    ])
    // More than some databases let a statement have parameters.
    const found = await Promise.all(
      Array.from(
        { length: 1100 },
        async (_, index) => await accounts.findById(index === 1099 ? ada.id : randomUUID()),
      ),
    )
    t.strictSame(
      found.filter((account) => account !== null),
      [ada],
    )
  })

  await t.test('create keeps what it is given, and fills in the rest', async (t) => {
    const { accounts, time, sql, ada } = await freshStore(t, kind)
    const account = await accounts.create(ada)
    const expected = {
      id: account?.id,
      ...ada,
      emailVerifiedAt: null,
      roles: '[]',
      claims: '{}',
      tokenEpoch: 0,
      accessVersion: 0,
      versionChangedAt: null,
      disabledAt: null,
      deletedAt: null,
      emailHistory: '[]',
      endedLogins: '[]',
      lastLoginAt: null,
      createdAt: new Date(frozenNow),
      updatedAt: new Date(frozenNow),
      changedAt: new Date(frozenNow),
    }
    t.match(account?.id, uuid7)
    t.strictSame({ ...account }, expected)
    t.strictSame(await accounts.findById(String(account?.id)), account)
    t.strictSame(await accounts.findByEmail(ada.email), account)
    time.now += 1
    const other = await accounts.create({
      email: '\u00e9@xn--bcher-kva.example',
      passwordHash: 'x'.repeat(500),
      name: null,
    })
    t.match(other, {
      email: '\u00e9@xn--bcher-kva.example',
      passwordHash: 'x'.repeat(500),
      name: null,
      createdAt: new Date(frozenNow + 1),
      updatedAt: new Date(frozenNow + 1),
    })
    t.not(other?.id, account?.id)
    t.match(await sql('SELECT count(*) AS n FROM users'), [{ n: /^2$/ }])
    for (const emailVerified of [true, false])
      t.match(
        await accounts.create({
          ...ada,
          email: `${String(emailVerified)}@example.org`,
          emailVerified,
        }),
        {
          emailVerifiedAt: emailVerified ? new Date(time.now) : null,
          createdAt: new Date(time.now),
        },
      )
  })

  await t.test('the table is the one of the contract', async (t) => {
    const { sql } = await freshStore(t, kind)
    const columns = await sql(
      kind === 'sqlite'
        ? 'PRAGMA table_info(users)'
        : "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'users' ORDER BY ordinal_position",
    )
    t.strictSame(
      columns.map(({ name }) => name).sort(),
      [
        'id',
        'email',
        'email_verified_at',
        'password_hash',
        'name',
        'token_epoch',
        'disabled_at',
        'created_at',
        'updated_at',
        'email_history',
        'ended_logins',
        'roles',
        'claims',
        'access_version',
        'version_changed_at',
        'deleted_at',
        'last_login_at',
        'changed_at',
      ].sort(),
    )
  })

  await t.test('an address has one account, however many are made at once', async (t) => {
    const { accounts, sql, ada } = await freshStore(t, kind)
    const made = await Promise.all(
      Array.from(
        { length: 50 },
        async (_, index) => await accounts.create({ ...ada, name: `Ada ${index}` }),
      ),
    )
    const winners = made.filter((account) => account !== null)
    t.equal(winners.length, 1)
    t.strictSame(await sql('SELECT id, name FROM users'), [
      { id: winners[0]?.id, name: winners[0]?.name },
    ])
    t.equal(await accounts.create(ada), null)
    t.strictSame(await accounts.findByEmail(ada.email), winners[0], 'the first is untouched')
  })

  await t.test(
    'what is not there is null, and an address is found by its exact spelling only',
    async (t) => {
      const { accounts, create } = await freshStore(t, kind)
      await create()
      for (const email of [
        '',
        'ADA@example.org',
        'ada@example.or',
        'ad_@example.org',
        '%',
        "' OR 1=1 --",
      ])
        t.equal(await accounts.findByEmail(email), null, email)
      for (const id of ['', nobody, "' OR 1=1 --", 'x'.repeat(10_000)])
        t.equal(await accounts.findById(id), null, id.slice(0, 40))
      t.equal(await accounts.updateName(nobody, 'x'), null)
      t.equal(await accounts.replaceHash(nobody, '$hash$1', '$hash$2'), undefined)
      await accounts.recordLogin(nobody)
    },
  )

  await t.test(
    'updateName changes the name and the time, of one account that is not disabled',
    async (t) => {
      const { accounts, time, sql, create, read } = await freshStore(t, kind)
      const [account, other] = [await create(), await create('other@example.org')]
      for (const name of ['\u00c5da \u{1f469}\u200d\u{1f4bb}', "'; DROP TABLE users; --", null]) {
        time.now += 1000
        const now = new Date(time.now)
        const changed = { ...account, name, updatedAt: now, changedAt: now }
        t.strictSame({ ...(await accounts.updateName(account.id, name)) }, changed)
        t.strictSame(await read(account), changed)
      }
      await sql(`UPDATE users SET disabled_at = created_at WHERE id = '${account.id}'`)
      t.equal(await accounts.updateName(account.id, 'x'), null)
      t.match(await accounts.findById(account.id), {
        name: null,
        disabledAt: new Date(frozenNow),
        updatedAt: new Date(frozenNow + 3000),
      })
      t.strictSame(await accounts.findById(other.id), other)
    },
  )

  await t.test(
    'replaceHash replaces only the hash that it was told of, and nothing else',
    async (t) => {
      const { accounts, time, create, read } = await freshStore(t, kind)
      const [account, other] = [await create(), await create('other@example.org')]
      time.now += 1000
      await accounts.replaceHash(account.id, '$hash$0', '$hash$2')
      t.strictSame(await accounts.findById(account.id), account, 'it is another one by now')
      await accounts.replaceHash(account.id, '$hash$1', '$hash$2')
      t.strictSame(await read(account), { ...account, passwordHash: '$hash$2' })
      t.strictSame(await accounts.findById(other.id), other)
      const hashes = Array.from({ length: 20 }, (_, index) => `$hash$parallel${index}`)
      await Promise.all(
        hashes.map(async (hash) => {
          await accounts.replaceHash(account.id, '$hash$2', hash)
        }),
      )
      t.ok(hashes.includes(String((await accounts.findById(account.id))?.passwordHash)))
    },
  )

  await t.test(
    'what ends the refresh tokens of an account raises its epoch in the same statement',
    async (t) => {
      const { accounts, time, sql, create, read } = await freshStore(t, kind)
      const [account, other] = [await create(), await create('other@example.org')]
      time.now += 1000
      t.equal(await accounts.endRefreshTokens(account.id), true)
      t.strictSame(await read(account), { ...account, ...raised(1, time.now) })

      t.equal(
        await accounts.changePassword({ ...account, passwordHash: '$hash$0' }, '$hash$2'),
        null,
        'it is another one by now',
      )
      t.strictSame(
        { ...(await accounts.changePassword(account, '$hash$2')) },
        { ...account, passwordHash: '$hash$2', ...raised(2, time.now) },
      )
      const changes = await Promise.all(
        Array.from(
          { length: 20 },
          async (_, index) =>
            await accounts.changePassword(
              { id: account.id, passwordHash: '$hash$2' },
              `$hash$parallel${index}`,
            ),
        ),
      )
      const [changed, ...more] = changes.filter((one) => one !== null)
      t.strictSame([changed?.tokenEpoch, more], [3, []])
      t.strictSame(await accounts.findById(account.id), changed)

      await Promise.all(
        Array.from({ length: 20 }, async () => await accounts.endRefreshTokens(account.id)),
      )
      const disabled = await Promise.all(
        Array.from({ length: 20 }, async () => await operatorOn(accounts).disable(account.id)),
      )
      t.strictSame(disabled.filter(Boolean), [true])
      t.strictSame(await read(account), {
        ...changed,
        ...raised(24, time.now),
        disabledAt: new Date(time.now),
        changedAt: new Date(time.now),
      })

      t.equal(await accounts.endRefreshTokens(account.id), false, 'a disabled account')
      t.equal(await accounts.changePassword(changed as typeof account, '$hash$3'), null)
      t.strictSame(await read(account), {
        ...changed,
        ...raised(24, time.now),
        disabledAt: new Date(time.now),
        changedAt: new Date(time.now),
      })
      t.strictSame(await accounts.findById(other.id), other, 'others are untouched')
      await sql(`DELETE FROM users WHERE id = '${account.id}'`)
      t.strictSame(
        [
          await accounts.endRefreshTokens(account.id),
          await accounts.changePassword(account, 'x'),
          await operatorOn(accounts).disable(account.id),
        ],
        [false, null, false],
      )
    },
  )

  await t.test(
    'resetPassword changes the password of the account as it was read, and the address counts as verified',
    async (t) => {
      const { accounts, time, sql, create, read } = await freshStore(t, kind)
      const [account, other] = [await create(), await create('other@example.org')]
      time.now += 1000
      const changes = [{ passwordHash: '$hash$0' }, { email: 'x@example.org' }, { id: nobody }]
      for (const change of changes)
        t.equal(await accounts.resetPassword({ ...account, ...change }, '$hash$2'), false)
      t.strictSame(await accounts.findById(account.id), account)
      const answers = await Promise.all(
        Array.from({ length: 20 }, async () => await accounts.resetPassword(account, '$hash$2')),
      )
      t.strictSame(answers.filter(Boolean), [true])
      const verified = {
        ...account,
        passwordHash: '$hash$2',
        ...raised(1, time.now),
        emailVerifiedAt: new Date(time.now),
        updatedAt: new Date(time.now),
        changedAt: new Date(time.now),
      }
      t.strictSame(await read(account), verified)
      time.now += 1000
      t.equal(await accounts.resetPassword(verified, '$hash$3'), true)
      t.strictSame(
        await read(account),
        {
          ...verified,
          passwordHash: '$hash$3',
          ...raised(2, time.now),
        },
        'it was verified before',
      )
      await sql(`UPDATE users SET disabled_at = created_at WHERE id = '${account.id}'`)
      t.equal(
        await accounts.resetPassword({ ...verified, passwordHash: '$hash$3' }, '$hash$4'),
        false,
        'a disabled account',
      )
      t.strictSame(await accounts.findById(other.id), other)
    },
  )

  await t.test('verifyEmail marks the address that the account has', async (t) => {
    const { accounts, time, create, read } = await freshStore(t, kind)
    const [account, other] = [await create(), await create('other@example.org')]
    time.now += 1000
    for (const change of [{ email: other.email }, { id: nobody }])
      t.equal(await accounts.verifyEmail({ ...account, ...change }), false)
    t.strictSame(
      await Promise.all(Array.from({ length: 5 }, async () => await accounts.verifyEmail(account))),
      [true, true, true, true, true],
    )
    t.strictSame(await read(account), {
      ...account,
      emailVerifiedAt: new Date(time.now),
      updatedAt: new Date(time.now),
      changedAt: new Date(time.now),
    })
    t.strictSame(await accounts.findById(other.id), other)
  })
})
