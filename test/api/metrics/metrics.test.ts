import t from 'tap'
import { createHashGate } from '../../../src/passwords/gate.js'
import { webhookSecret } from '../../support/receiver.js'
import { addMetrics } from '../../../src/api/metrics/metrics.route.js'
import {
  buildTestApp,
  goodPassword,
  onEachDatabase,
  problem,
  projectFile,
  type TestApp,
} from '../../helper.js'

/** The samples of a scrape, by name and labels as they stand there. */
async function scrape({ call }: Pick<TestApp, 'call'>): Promise<Map<string, number>> {
  const { body } = await call('GET', '/metrics')
  return new Map(
    body
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [
        line.slice(0, line.lastIndexOf(' ')),
        Number(line.slice(line.lastIndexOf(' ') + 1)),
      ]),
  )
}

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { METRICS: 'on' } })
  const { call, signup, nextMail } = built
  const { access_token: token, user } = await signup()
  await nextMail(user.email, 'Confirm')
  await call('GET', '/ME/', { token })
  await call('GET', '/problems/not_found')
  await call('POST', '/login', { body: { email: user.email, password: 'wrong' } })
  await call('GET', `/secret/${user.id}`)
  await call('GET', '/claims?canary=1')
  for (let times = 0; times < 7; times++)
    await call('POST', '/password/forgot', { body: { email: user.email } })
  // Mails are written after the answer, and ask the database.
  for (let times = 0; times < 3; times++) await nextMail(user.email, 'Reset')
  await new Promise((resolve) => {
    setImmediate(resolve)
  })

  await t.test('requests', async (t) => {
    const reply = await call('GET', '/metrics')
    t.match(reply, {
      statusCode: 200,
      headers: {
        'content-type': 'text/plain; version=0.0.4; charset=utf-8',
        'cache-control': 'no-store',
      },
    })
    const samples = await scrape(built)
    const requests = [...samples].filter(([name]) =>
      name.startsWith('latchkey_http_requests_total'),
    )
    t.strictSame(
      requests.map(([name, count]) => [
        /{method="(\w+)",route="(.+)",status="(\d+)"}/.exec(name)?.slice(1).join(' '),
        count,
      ]),
      [
        ['POST /signup 201', 1],
        ['GET /me 200', 1],
        ['GET /problems/:code 200', 1],
        ['POST /login 401', 1],
        ['GET unknown 404', 1],
        ['GET /claims 401', 1],
        ['POST /password/forgot 202', 3],
        ['POST /password/forgot 429', 4],
        ['GET /metrics 200', 1],
      ],
    )
    t.equal(
      samples.get(
        'latchkey_http_request_duration_seconds_count{method="POST",route="/password/forgot"}',
      ),
      7,
    )
    t.equal(
      samples.get(
        'latchkey_http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/signup"}',
      ),
      1,
    )
    t.ok(
      (samples.get('latchkey_http_request_duration_seconds_sum{method="POST",route="/signup"}') ??
        0) > 0,
    )
    t.equal(samples.get('latchkey_rate_limited_total{limit="mail-email-network"}'), 4)
    for (const secret of [user.id, user.email, 'canary', 'secret', token])
      t.notOk(reply.body.includes(secret))
  })

  await t.test('hashes, mails, connections and the process', async (t) => {
    const samples = await scrape(built)
    const values = [
      'hashes_running',
      'hashes_waiting',
      'hashes_shed_total',
      'mails_waiting',
      'mails_in_delivery',
      'mails_lost_total',
    ].map((name) => samples.get(`latchkey_${name}`))
    t.strictSame(values, [0, 0, 0, 0, 0, 0])
    t.equal(samples.get('latchkey_mails_sent_total'), 4)
    t.ok((samples.get('process_resident_memory_bytes') ?? 0) > 1e6)
    t.ok(samples.has('nodejs_eventloop_lag_p99_seconds'))
    const pool = ['in_use', 'idle', 'waiting'].map((state) =>
      samples.get(`latchkey_database_connections{state="${state}"}`),
    )
    if (database === 'sqlite') t.strictSame(pool, [undefined, undefined, undefined])
    else t.ok(pool[0] === 0 && Number(pool[1]) >= 1 && pool[2] === 0, String(pool))
  })
})

t.test('what goes on while it is asked for, and what was shed', async (t) => {
  const gate = createHashGate({
    concurrency: 1,
    queueMilliseconds: 60_000,
    now: () => performance.now(),
  })
  const built = await buildTestApp(t, { gate, env: { METRICS: 'on' } })
  let end = () => {}
  const work = async () =>
    await new Promise<void>((resolve) => {
      end = resolve
    })
  const running = gate.enter(null, async (turn) => await turn(work))
  const login = built.call('POST', '/login', {
    body: { email: 'nobody@example.org', password: goodPassword },
  })
  while (gate.load().waiting === 0)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  const samples = await scrape(built)
  t.strictSame(
    ['running', 'waiting', 'shed_total'].map((name) => samples.get(`latchkey_hashes_${name}`)),
    [1, 1, 0],
  )
  end()
  await Promise.all([running, login])
})

t.test('a counter that is kept elsewhere is taken over at each scrape', async (t) => {
  let shed = 3
  const built = await buildTestApp(t, {
    beforeReady: (app) => {
      const passwords = { load: () => ({ inUse: 0, waiting: 0, shed }) }
      const mailer = { load: () => ({ waiting: 1, inDelivery: 2, sent: 3, lost: 4 }) }
      const acts = { counts: () => new Map() }
      const revocations = { load: () => ({ listed: 2, failed: 1 }) }
      const store = { connections: null }
      const webhooks = { load: () => [] }
      addMetrics(app, { passwords, mailer, acts, revocations, store, webhooks }, { id: 7 })
    },
  })
  t.equal((await scrape(built)).get('latchkey_hashes_shed_total{worker="7"}'), 3)
  shed = 5
  const samples = await scrape(built)
  t.strictSame(
    [
      'hashes_shed_total',
      'mails_waiting',
      'mails_in_delivery',
      'mails_sent_total',
      'mails_lost_total',
    ].map((name) => samples.get(`latchkey_${name}{worker="7"}`)),
    [5, 1, 2, 3, 4],
  )
})

t.test('two applications do not count for each other', async (t) => {
  const [one, other] = [
    await buildTestApp(t, { env: { METRICS: 'on' } }),
    await buildTestApp(t, { env: { METRICS: 'on' } }),
  ]
  await one.call('GET', '/health/live')
  t.ok([...(await scrape(one)).keys()].some((name) => name.includes('/health/live')))
  t.notOk([...(await scrape(other)).keys()].some((name) => name.includes('/health/live')))
})

t.test('off by default', async (t) => {
  const { call } = await buildTestApp(t)
  problem(t, await call('GET', '/metrics'), 404, 'not_found')
})

t.test('docs/operations.md lists exactly the metrics of the product', async (t) => {
  const env = {
    METRICS: 'on',
    WEBHOOK_URLS: 'https://app.example.com',
    WEBHOOK_SECRET: webhookSecret,
  }
  const built = await buildTestApp(t, { database: 'postgresql', env })
  const { body } = await built.call('GET', '/metrics')
  const names = [...body.matchAll(/^# TYPE (latchkey_\w+) (\w+)/gm)].map(([, name, type]) => [
    name,
    type,
  ])
  const rows = [
    ...(await projectFile('docs/operations.md')).matchAll(
      /^\| `(latchkey_\w+)(?:\{[\w,]+\})?` \| (\w+) \|/gm,
    ),
  ].map(([, name, type]) => [name, type])
  t.strictSame(rows, names)
})
