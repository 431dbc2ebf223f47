import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { createDrain } from '../../src/process/drain.js'
import { buildTestApp } from '../helper.js'

const long = 60_000

/** Whether a promise has settled by now. */
const isOver = async (promise: Promise<void>) =>
  await Promise.race([promise.then(() => true), wait(20).then(() => false)])

t.test('where nobody watches, nothing speaks against closing', async (t) => {
  const drain = createDrain()
  t.equal(drain.isDraining(), false)
  await drain.begin()
  t.equal(drain.isDraining(), true)
  t.equal(drain.isReady(), false)
})

t.test('whoever watches is told first, and what it sent before may arrive', async (t) => {
  const drain = createDrain({ watched: long, maxWait: long, grace: 1 })
  t.equal(drain.isReady(), true)
  const begun = drain.begin()
  t.equal(drain.isDraining(), true)
  t.equal(await isOver(begun), false, 'not before the next question')
  t.equal(drain.isReady(), false)
  await begun
})

t.test('grace comes after the answer', async (t) => {
  const drain = createDrain({ watched: long, maxWait: long, grace: 200 })
  drain.isReady()
  const begun = drain.begin()
  drain.isReady()
  t.equal(await isOver(begun), false)
  await begun
})

t.test(
  'whoever asked once and never again is not waited for beyond maxWait, or not at all',
  async (t) => {
    const patient = createDrain({ watched: long, maxWait: 1, grace: long })
    patient.isReady()
    await patient.begin()
    const forgotten = createDrain({ watched: -1, maxWait: long, grace: long })
    forgotten.isReady()
    await forgotten.begin()
    t.ok(patient.isDraining() && forgotten.isDraining())
  },
)

t.test('while draining, requests are answered and connections told to close', async (t) => {
  const drain = createDrain({ watched: long, maxWait: long, grace: 1 })
  const { app, signup } = await buildTestApp(t, { drain })
  const { access_token: token } = await signup()
  const url = await app.listen({ port: 0 })
  const get = async (path: string) =>
    await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
  const before = [await get('/health/ready'), await get('/claims')]
  t.strictSame(
    before.map(({ status, headers }) => [status, headers.get('connection')]),
    [
      [200, 'keep-alive'],
      [200, 'keep-alive'],
    ],
  )
  const begun = drain.begin()
  const during = [
    await get('/claims'),
    await get('/health/live'),
    await get('/health/ready'),
    await get('/claims'),
  ]
  t.strictSame(
    during.map(({ status, headers }) => [status, headers.get('connection')]),
    [
      [200, 'close'],
      [200, 'close'],
      [503, 'close'],
      [200, 'close'],
    ],
  )
  await begun
})
