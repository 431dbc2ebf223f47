import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Account } from '../../src/store/accounts.js'
import {
  addEndedLogin as add,
  type EndedLogin,
  endEveryLogin,
  hasEnded,
  maxEndedLogins,
  noEndedLogins,
  readEndedLogins,
  toEndedLogins,
} from '../../src/store/ended-logins.js'
import { openStore } from '../../src/store/open-store.js'
import { type DatabaseKind, freshDatabase, frozenNow, onEachDatabase, query } from '../helper.js'
import { operatorOn } from '../support/accounts.js'

const nowSeconds = frozenNow / 1000
const addEndedLogin = (column: string, login: EndedLogin, now: number) =>
  add(column, { ...login, authTime: nowSeconds }, now)
const every = `["every-login",${nowSeconds}]`
/** An account whose epoch was raised. */
const raised = (times: number) => ({
  tokenEpoch: times,
  accessVersion: times,
  versionChangedAt: new Date(frozenNow),
})
const full = toEndedLogins(
  Array.from({ length: maxEndedLogins }, (_, index) => ({ sid: `s${index}`, end: nowSeconds })),
)

t.test('the list of ended logins', async (t) => {
  const one = addEndedLogin(noEndedLogins, { sid: 'a', end: nowSeconds + 1 }, frozenNow)
  t.strictSame(one, { column: `[["a",${nowSeconds + 1}]]` })
  const column = String(one?.column)
  t.strictSame(readEndedLogins(column), [{ sid: 'a', end: nowSeconds + 1 }])
  t.strictSame(
    [hasEnded(column, 'a'), hasEnded(column, 'A'), hasEnded(column, ''), hasEnded('[]', 'a')],
    [true, false, false, false],
  )
  t.equal(addEndedLogin(column, { sid: 'a', end: 0 }, frozenNow), null, 'it is in the list')
  const two = addEndedLogin(column, { sid: 'b', end: nowSeconds + 9 }, frozenNow)
  t.strictSame(two, { column: `[["a",${nowSeconds + 1}],["b",${nowSeconds + 9}]]` })
  t.strictSame(
    ['__proto__', 'constructor', '"],["x'].map((sid) => [
      hasEnded(String(two?.column), sid),
      hasEnded(String(addEndedLogin(column, { sid, end: 1 }, frozenNow)?.column), sid),
    ]),
    Array(3).fill([false, true]),
    'any text can be an sid',
  )
})

t.test('an entry is dropped 300 seconds after its end, and a full list has no room', async (t) => {
  const login = { sid: 'new', end: nowSeconds + 9 }
  const added = (seconds: number) => addEndedLogin(full, login, frozenNow + seconds * 1000)
  t.strictSame(added(0), { column: null })
  t.strictSame(added(299.999), { column: null })
  t.strictSame(added(300), { column: toEndedLogins([login]) })
  t.equal(addEndedLogin(full, { ...login, sid: 's49' }, frozenNow), null, 'full, and in the list')
  t.ok(hasEnded(full, 's0'), 'an entry past its end counts until it is dropped')
  const almost = toEndedLogins(readEndedLogins(full).slice(1))
  t.equal(
    readEndedLogins(String(addEndedLogin(almost, login, frozenNow)?.column)).length,
    maxEndedLogins,
  )
})

t.test('the entry of a raised epoch ends earlier logins, and takes no place', async (t) => {
  const column = endEveryLogin(frozenNow + 999)
  t.equal(column, `[${every}]`)
  const tryAt = (authTime: number, to = column) =>
    add(to, { sid: 'a', end: nowSeconds + 9, authTime }, frozenNow)
  t.equal(tryAt(nowSeconds - 31), null)
  // Clocks of servers may differ by 30 seconds.
  const added = { column: `[${every},["a",${nowSeconds + 9}]]` }
  t.strictSame([tryAt(nowSeconds - 30), tryAt(nowSeconds + 1)], [added, added])
  const later = frozenNow + 400 * 86_400_000
  const login = { sid: 'b', end: later / 1000, authTime: later / 1000 }
  t.strictSame(
    add(String(added.column), login, later),
    { column: `[${every},["b",${later / 1000}]]` },
    'it is kept',
  )
  const nearly = toEndedLogins([...readEndedLogins(column), ...readEndedLogins(full).slice(1)])
  const last = tryAt(nowSeconds, nearly)?.column
  t.equal(readEndedLogins(String(last)).length, maxEndedLogins + 1)
  t.strictSame(add(String(last), { ...login, authTime: nowSeconds }, frozenNow), { column: null })
})

async function freshStore(t: Test, kind: DatabaseKind) {
  const url = await freshDatabase(t, kind)
  const { accounts, close } = await openStore(url, { autoMigrate: true, clock: () => frozenNow })
  t.teardown(close)
  const create = async () => {
    const email = `${randomUUID()}@example.org`
    return (await accounts.create({ email, passwordHash: '$hash$1', name: 'Ada' })) as Account
  }
  const read = async ({ id }: Account) => (await accounts.findById(id)) as Account
  return { accounts, create, read, sql: async (text: string) => await query(url, text) }
}

await onEachDatabase(t, async (t, kind) => {
  await t.test('endLogin replaces the list that was read, and nothing else', async (t) => {
    const { accounts, create, read } = await freshStore(t, kind)
    const [ada, other] = [await create(), await create()]
    t.equal(await accounts.endLogin(ada, '[["a",1]]'), true)
    const ended = { ...ada, endedLogins: '[["a",1]]' }
    t.strictSame({ ...(await read(ada)) }, ended)
    t.equal(await accounts.endLogin(ada, '[["b",1]]'), false, 'the list has changed')
    t.equal(await accounts.endLogin(ada, null), false, 'not even the epoch')
    t.strictSame({ ...(await read(ada)) }, ended)
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) =>
        accounts.endLogin(ended, `[["a",1],["${index}",1]]`),
      ),
    )
    t.strictSame(answers.filter(Boolean), [true], 'one of twenty at once')
    t.equal(await accounts.endLogin(await read(ada), full), true, 'the longest list')
    t.equal(await accounts.endLogin(await read(ada), null), true)
    t.strictSame(
      { ...(await read(ada)) },
      { ...ada, ...raised(1), endedLogins: `[${every}]` },
      'full: the epoch is raised',
    )
    t.strictSame(await read(other), other, 'others are untouched')
    await operatorOn(accounts).disable(ada.id)
    t.equal(await accounts.endLogin(await read(ada), '[["a",1]]'), false, 'a disabled account')
    await operatorOn(accounts).delete(ada.id)
    t.equal(await accounts.endLogin(ada, '[["a",1]]'), false, 'a deleted account')
  })

  await t.test('every statement that raises the epoch ends every login', async (t) => {
    const { accounts, create, read } = await freshStore(t, kind)
    const operate = operatorOn(accounts)
    const next = { email: 'new@example.org', emailHistory: '[]' }
    const raises: Record<string, (account: Account) => Promise<unknown>> = {
      endRefreshTokens: async ({ id }) => await accounts.endRefreshTokens(id),
      changePassword: async (account) => await accounts.changePassword(account, '$hash$2'),
      resetPassword: async (account) => await accounts.resetPassword(account, '$hash$2'),
      setPassword: async (account) => await accounts.setPassword(account, '$hash$2'),
      takeBack: async (account) =>
        await accounts.takeBack(account, { ...next, passwordHash: '$hash$2' }),
      'a new address': async ({ id }) => await operate.change(id, { email: 'x@example.org' }),
      'the same address': async ({ id, email }) => await operate.change(id, { email }),
      'a new hash': async ({ id }) => await operate.change(id, { passwordHash: '$hash$2' }),
      disable: async ({ id }) => await operate.disable(id),
    }
    for (const [name, raise] of Object.entries(raises)) {
      const account = await create()
      await accounts.endLogin(account, '[["a",1]]')
      await raise(await read(account))
      t.match(await read(account), { ...raised(1), endedLogins: `[${every}]` }, name)
    }
    const account = await create()
    await accounts.endLogin(account, '[["a",1]]')
    await accounts.changeEmail(await read(account), { ...next, email: 'y@example.org' })
    await accounts.updateName(account.id, 'Eve')
    await accounts.verifyEmail({ ...account, email: 'y@example.org' })
    t.match(
      await read(account),
      { name: 'Eve', tokenEpoch: 0, endedLogins: '[["a",1]]' },
      'other changes leave it',
    )
  })

  await t.test('the previous version keeps working on the migrated database', async (t) => {
    const { accounts, sql, read } = await freshStore(t, kind)
    const former =
      'id, email, email_verified_at, password_hash, name, token_epoch, disabled_at, email_history, created_at, updated_at'
    // Prisma names every column of its schema in each statement.
    await accounts.create({ email: 'time@example.org', passwordHash: '$hash$1', name: null })
    const [row] = await sql(
      `INSERT INTO users (${former}) SELECT '${randomUUID()}', 'old@example.org', ${former.split(', ').slice(2).join(', ')} FROM users RETURNING ${former}`,
    )
    const account = await read({ id: row?.id } as Account)
    t.match(account, { email: 'old@example.org', endedLogins: '[]' })
    await accounts.endLogin(account, '[["a",1]]')
    await sql(
      `UPDATE users SET token_epoch = token_epoch + 1 WHERE id = '${account.id}' RETURNING ${former}`,
    )
    t.match(await read(account), { tokenEpoch: 1, endedLogins: '[["a",1]]' })
  })
})
