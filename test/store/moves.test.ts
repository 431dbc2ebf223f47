import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Account } from '../../src/store/accounts.js'
import { frozenNow, onEachDatabase } from '../helper.js'
import { operatorOn } from '../support/accounts.js'
import { freshStore } from '../support/fresh-store.js'
import { everyRowIs } from '../support/table.js'

const history = [{ id: randomUUID(), email: 'former@example.org', at: frozenNow }]
const next = { email: 'new@example.org', emailHistory: JSON.stringify(history) }

await onEachDatabase(t, async (t, kind) => {
  await t.test('changeEmail moves the account as it was read, once', async (t) => {
    const { accounts, time, create, read } = await freshStore(t, kind)
    const [account, other] = [await create(), await create('other@example.org')]
    // What may have happened between the look at the account and the statement.
    await everyRowIs(
      t,
      Object.entries({
        'another account': { id: randomUUID() },
        'another address': { email: 'x@example.org' },
        'an address that was verified': { emailVerifiedAt: new Date(frozenNow) },
        'another password': { passwordHash: '$hash$0' },
        'a logout everywhere': { tokenEpoch: 1 },
        'another history': { emailHistory: next.emailHistory },
      }),
      null,
      async (stale) => await accounts.changeEmail({ ...account, ...stale }, next),
      'a change meanwhile',
    )
    t.equal(await accounts.changeEmail(account, { ...next, email: other.email }), 'email_taken')
    t.strictSame(await read(account), { ...account }, 'nothing has changed')
    time.now += 1000
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => await accounts.changeEmail(account, next)),
    )
    const now = new Date(time.now)
    const moved = { ...account, ...next, emailVerifiedAt: now, updatedAt: now, changedAt: now }
    t.strictSame(
      answers.filter((answer) => answer !== null).map((answer) => ({ ...(answer as object) })),
      [moved],
      'one of twenty at once',
    )
    t.strictSame(await read(account), moved)
    await operatorOn(accounts).disable(account.id)
    t.equal(await accounts.changeEmail(moved, { ...next, email: 'y@example.org' }), null)
    t.strictSame(await read(other), { ...other })
  })

  await t.test('takeBack takes the account with the history that was read, once', async (t) => {
    const { accounts, create, read } = await freshStore(t, kind)
    const [created, other] = [await create(), await create('other@example.org')]
    await accounts.changeEmail(created, next)
    const account = (await accounts.findById(created.id)) as Account
    const back = { email: 'former@example.org', emailHistory: '[]', passwordHash: '!' }
    for (const stale of [{ id: randomUUID() }, { emailHistory: '[]' }])
      t.equal(await accounts.takeBack({ ...account, ...stale }, back), null)
    t.equal(await accounts.takeBack(account, { ...back, email: other.email }), 'email_taken')
    t.strictSame(await read(created), { ...account }, 'nothing has changed')
    const operate = operatorOn(accounts)
    await operate.disable(account.id)
    t.equal(await accounts.takeBack(account, back), null, 'a disabled account')
    await operate.enable(account.id)
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => await accounts.takeBack(account, back)),
    )
    t.equal(answers.filter((answer) => answer !== null).length, 1, 'one of twenty at once')
    t.match(await read(created), { ...back, tokenEpoch: 2 })
    t.strictSame(await read(other), { ...other })
  })
})
