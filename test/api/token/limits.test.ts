import t from 'tap'
import { Problem } from '../../../src/errors.js'
import { buildTestApp } from '../../helper.js'
import { createMachineFlow, oauthOutcome } from '../../support/machines.js'

t.test('a stranger who knows the id cannot lock a client out', async (t) => {
  const built = await buildTestApp(t)
  const { create, introspect, requestToken } = createMachineFlow(built)
  const machine = await create()
  const guess = async () => await requestToken({ id: machine.id, secret: 'x' }, '203.0.113.9')
  const first = await guess()
  t.equal(oauthOutcome(first), '401 invalid_client')
  const outcomes = new Set<unknown>()
  for (let times = 1; times < 1000; times++) outcomes.add(oauthOutcome(await guess()))
  t.strictSame([...outcomes], ['401 invalid_client'])
  const refused = await guess()
  t.equal(oauthOutcome(refused), '429 temporarily_unavailable')
  t.match(refused.headers['retry-after'], /^\d+$/)
  t.match(refused.headers['ratelimit-policy'], '"client-network";q=1000;w=900')
  t.equal(oauthOutcome(await requestToken(machine)), '200', 'from elsewhere it goes on to work')
  t.match(await introspect(machine, 'x'), { active: false })
})

t.test('right secrets do not count as guesses, and have a limit of their own', async (t) => {
  const built = await buildTestApp(t)
  const { create, requestToken, send } = createMachineFlow(built)
  const [machine, other] = [await create(), await create()]
  for (let times = 0; times < 600; times++) await requestToken(machine)
  const refused = await requestToken(machine)
  t.equal(oauthOutcome(refused), '429 temporarily_unavailable')
  t.match(refused.headers['ratelimit-policy'], '"token-client";q=600;w=60')
  t.equal(oauthOutcome(await requestToken(machine, '198.51.100.1')), '429 temporarily_unavailable')
  t.equal(oauthOutcome(await requestToken(other)), '200', 'another client of the network')
  for (let times = 0; times < 700; times++) await send('/introspect', { token: 'x' }, machine)
  t.equal(oauthOutcome(await send('/introspect', { token: 'x' }, machine)), '200')
})

t.test('an outage of the database is no guess', async (t) => {
  let isAway = false
  const built = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      machineClients: {
        ...store.machineClients,
        findById: async (id) => {
          if (isAway) throw new Problem('unavailable')
          return await store.machineClients.findById(id)
        },
      },
    }),
  })
  const { create, requestToken, send } = createMachineFlow(built)
  const machine = await create()
  isAway = true
  const outcomes = new Set<unknown>()
  for (let times = 0; times < 1100; times++)
    outcomes.add(oauthOutcome(await send('/introspect', { token: 'x' }, machine)))
  t.strictSame([...outcomes], ['503 temporarily_unavailable'])
  isAway = false
  t.equal(oauthOutcome(await requestToken(machine)), '200', 'once it is back')
})

t.test('right secrets at once are no guesses', async (t) => {
  const built = await buildTestApp(t)
  const { create, requestToken, send } = createMachineFlow(built)
  const machine = await create()
  const askAtOnce = async (secret: string) => {
    const replies = await Promise.all(
      Array.from(
        { length: 1200 },
        async () => await send('/introspect', { token: 'x' }, { ...machine, secret }),
      ),
    )
    const counts: Record<string, number> = {}
    for (const { statusCode } of replies) counts[statusCode] = (counts[statusCode] ?? 0) + 1
    return counts
  }
  t.strictSame(await askAtOnce(machine.secret), { 200: 1200 })
  t.strictSame(await askAtOnce('wrong'), { 401: 1000, 429: 200 }, 'wrong ones at once are')
  t.equal(oauthOutcome(await requestToken(machine)), '429 temporarily_unavailable')
})
