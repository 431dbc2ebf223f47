import t from 'tap'
import { toAdminUser } from '../../src/account/admin-user.js'
import { frozenNow, onEachDatabase } from '../helper.js'
import { operatorOn } from '../support/accounts.js'
import { type Received, startReceiver } from '../support/receiver.js'
import { holdsSoon } from '../support/redis.js'
import { settled, webhookWorld } from '../support/webhook-sender.js'

const types = (received: Received[]) =>
  received.map(({ type, data }) => `${type} ${data.name ?? data.id}`)

await onEachDatabase(t, async (t, kind) => {
  await t.test('each change is one event with the whole account, in order', async (t) => {
    const { accounts, create, start, pass, time } = await webhookWorld(t, kind)
    await create('before@example.org', { name: 'Before' })
    pass(1)
    const { received, url } = await startReceiver(t)
    const { idlePolls } = await start([url])
    const operator = operatorOn(accounts)
    pass(1)
    const ada = await create('ada@example.org', { name: 'Ada' })
    pass(1)
    const bob = await create('bob@example.org', { name: 'Bob' })
    pass(settled - 2)
    await idlePolls()
    t.strictSame(received, [], 'a change is not sent before it has settled')
    pass(2)
    t.ok(await holdsSoon(() => received.length === 2))
    t.strictSame(types(received), ['user.created Ada', 'user.created Bob'])
    const [first] = received
    t.match(first, {
      id: `msg_${ada.id.replaceAll('-', '')}_${ada.createdAt.getTime()}`,
      seconds: Math.floor(time.now / 1000),
      timestamp: ada.createdAt.toISOString(),
      headers: { 'content-type': 'application/json', 'user-agent': 'Latchkey' },
    })
    t.strictSame(first?.data, toAdminUser(ada))

    await operator.change(bob.id, { name: 'Bobby' })
    pass(1)
    await accounts.recordLogin(ada.id)
    await operator.change(ada.id, { roles: '["editor"]', claims: '{"team":"blue"}' })
    pass(1)
    await operator.disable(bob.id)
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 4))
    await idlePolls()
    t.strictSame(
      types(received.slice(2)),
      ['user.updated Ada', 'user.updated Bobby'],
      'two changes of one account are one event',
    )
    t.match(received[2]?.data, {
      roles: ['editor'],
      claims: { team: 'blue' },
      last_login_at: new Date(frozenNow + 4 + settled).toISOString(),
    })
    t.equal(received[3]?.data.disabled, true)

    await operator.delete(ada.id)
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 5))
    t.match(received[4], { type: 'user.deleted' })
    t.strictSame(received[4]?.data, { id: ada.id }, 'no personal data')
    t.equal(new Set(received.map(({ id }) => id)).size, 5, 'each has an id of its own')

    pass(3_600_000)
    await accounts.recordLogin(bob.id)
    pass(settled)
    await idlePolls()
    t.equal(received.length, 5, 'a login is no event')
  })

  await t.test('created once, however long the receiver was away', async (t) => {
    const { accounts, create, start, pass, log } = await webhookWorld(t, kind)
    const receiver = await startReceiver(t)
    const { received } = receiver
    const { idlePolls } = await start([receiver.url])
    const operator = operatorOn(accounts)
    receiver.respond = 503
    pass(1)
    const ada = await create('ada@example.org', { name: 'Ada' })
    pass(60_000)
    await create('bob@example.org', { name: 'Bob' })
    pass(60_000)
    await operator.change(ada.id, { name: 'Ada L.' })
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 1))
    // After the line of the log, the time of the retry no longer depends on the clock below.
    t.ok(await holdsSoon(() => log.length === 1))
    receiver.respond = 204
    received.length = 0
    pass(60_000)
    t.ok(await holdsSoon(() => received.length === 2))
    // Ada changed after Bob was created. She is still new to the receiver.
    t.strictSame(types(received), ['user.created Bob', 'user.created Ada L.'])
    await operator.change(ada.id, { name: 'Ada K.' })
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 3))
    t.strictSame(types(received.slice(2)), ['user.updated Ada K.'])

    const cyd = await create('cyd@example.org', { name: 'Cyd' })
    pass(5000)
    await operator.change(cyd.id, { name: 'Cyd M.' })
    pass(6000)
    await idlePolls()
    t.equal(received.length, 3, 'hidden by the change')
    pass(5000)
    t.ok(await holdsSoon(() => received.length === 4))
    t.strictSame(types(received.slice(3)), ['user.created Cyd M.'], 'not sent before')

    const dan = await create('dan@example.org')
    pass(1)
    await operator.delete(dan.id)
    pass(settled)
    t.ok(await holdsSoon(() => received.length === 5))
    t.strictSame(
      types(received.slice(4)),
      [`user.deleted ${dan.id}`],
      'an account that the receiver never had is deleted too',
    )
  })

  await t.test('an import sends events, also of equal times at the end of a batch', async (t) => {
    const { accounts, start, pass, time } = await webhookWorld(t, kind)
    const { received, url } = await startReceiver(t)
    let mostRows = 0
    await start([url], {
      wrap: (cursors) => ({
        ...cursors,
        changesAfter: async (...args) => {
          const found = await cursors.changesAfter(...args)
          mostRows = Math.max(mostRows, found.length)
          return found
        },
      }),
    })
    pass(1)
    const count = 250
    await accounts.createMany(
      Array.from({ length: count }, (_, index) => ({
        email: `p${index}@example.org`,
        passwordHash: '!',
        name: `p${index}`,
        emailVerified: true,
        ...(index % 2 === 0 && { createdAt: new Date(time.now - 1e10) }),
      })),
    )
    pass(settled)
    t.ok(await holdsSoon(() => received.length === count))
    t.equal(new Set(received.map(({ data }) => data.email)).size, count, 'each once')
    const wrong = received.filter(
      ({ type, data }) =>
        type !== (Number(String(data.name).slice(1)) % 2 === 0 ? 'user.updated' : 'user.created'),
    )
    t.strictSame(wrong, [], 'an account with an earlier creation is updated')
    t.equal(mostRows, 100, 'a bounded number is in memory')
  })
})
