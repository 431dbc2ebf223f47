import t from 'tap'
import { freshStore } from '../support/fresh-store.js'
import { createTurns } from '../../src/store/turns.js'

t.test('callers get turns of the event loop of their own, in order', async (t) => {
  const takeTurn = createTurns()
  const order: string[] = []
  let turn = 0
  const count = () => {
    turn++
    if (turn < 5) setImmediate(count)
  }
  setImmediate(count)
  await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      await takeTurn()
      order.push(`${name} ${turn}`)
    }),
  )
  t.strictSame(order, ['a 1', 'b 2', 'c 3'])
})

t.test('searches and purges of many accounts let others read in between', async (t) => {
  const { accounts, sql } = await freshStore(t, 'sqlite')
  for (let part = 0; part < 4; part++)
    await accounts.createMany(
      Array.from({ length: 2000 }, (_, index) => ({
        email: `a${part}-${index}@example.org`,
        passwordHash: '!',
        name: null,
        emailVerified: false,
        roles: '["common"]',
      })),
    )
  for (const filter of [{ role: 'rare' }, { emailPrefix: 'a', role: 'rare' }]) {
    let isFound = false
    const search = accounts.listPage(filter, null, 50).then((found) => {
      isFound = true
      return found
    })
    await accounts.findByEmail('a0-0@example.org')
    await accounts.findById('01a1fc01-f8b4-7454-b157-7ca464a8123c')
    t.notOk(isFound, JSON.stringify(filter))
    t.strictSame(await search, [])
  }
  await sql("UPDATE users SET deleted_at = '1970-01-01T00:00:00.000+00:00'")
  let isPurged = false
  const purge = accounts.purge(new Date()).then((rows) => {
    isPurged = true
    return rows
  })
  await accounts.findById('01a1fc01-f8b4-7454-b157-7ca464a8123c')
  t.notOk(isPurged, 'a purge')
  t.equal(await purge, 8000)
})
