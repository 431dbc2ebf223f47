import { mock } from 'node:test'
import t from 'tap'
import { limits } from '../../src/limits/table.js'
import {
  buildTestApp,
  frozenNow,
  goodPassword,
  headerNames,
  onEachDatabase,
  problem,
} from '../helper.js'
import { tokenOf } from '../support/mailbox.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const next = `${goodPassword}-too`

/**
 * What an attacker does who knows an address and nothing else, from a network of their own each
 * time.
 */
const attacks: Array<
  [method: string, url: string, calls: number, body: (email: string, index: number) => object]
> = [
  ['POST', '/login', 60, (email, index) => ({ email, password: `guess ${index}` })],
  ['POST', '/login', 20, (email) => ({ email: email.toUpperCase(), password: 'x'.repeat(300) })],
  ['POST', '/password/forgot', 40, (email) => ({ email })],
  ['POST', '/email/resend', 40, (email) => ({ email })],
  ['POST', '/password/reset', 20, (_, index) => ({ token: `x.y.${index}`, new_password: next })],
  ['POST', '/email/verify', 20, (_, index) => ({ token: `x.y.${index}` })],
  ['POST', '/email/undo', 20, (_, index) => ({ token: `x.y.${index}` })],
]
const variants = (email: string) => [email, email.replace('@', '+1@'), email.replace('@', '+a+b@')]

await onEachDatabase(t, async (t, database) => {
  for (const mode of database === 'sqlite' ? ['instant', 'verify_first'] : ['instant']) {
    await t.test(mode, async (t) => {
      const { app, call, nextMail, mails } = await buildTestApp(t, {
        database,
        env: { SIGNUP_MODE: mode, TRUST_PROXY: '127.0.0.1', LOG_LEVEL: 'warn' },
      })
      const from = async (network: string, url: string, body: object, headers = {}) =>
        await app.inject({
          method: 'POST',
          url,
          payload: body,
          headers: { 'x-forwarded-for': network, ...headers },
        })
      const owner = 'owner@example.org'
      const nobody = 'other@example.org'
      const joined = await from('198.51.100.1', '/signup', { email: owner, password: goodPassword })
      const proven =
        mode === 'instant'
          ? joined
          : await from('198.51.100.1', '/email/verify', {
              token: tokenOf(await nextMail(owner, '')),
            })
      t.equal(proven.statusCode, 201)
      const cookie = String(proven.headers['set-cookie']).split(';')[0] ?? ''
      mails.length = 0

      // The same against an address with an account and one without.
      const seen = []
      for (const email of [owner, nobody]) {
        const answers: unknown[] = []
        for (const [, url, calls, body] of attacks) {
          for (let index = 0; index < calls; index++) {
            const reply = await from(
              `100.64.${index}.${email.length}`,
              url,
              body(variants(email)[url === '/login' ? 0 : index % 3] ?? email, index),
            )
            const { request_id: _, ...rest } = reply.json()
            answers.push([
              reply.statusCode,
              rest,
              headerNames(reply),
              reply.headers['retry-after'],
              reply.headers.ratelimit,
            ])
          }
        }
        seen.push(answers)
      }
      t.strictSame(seen[0], seen[1], 'nobody learns that the account exists')
      t.equal(
        seen[0]?.filter((answer) => (answer as [number])[0] === 401).length,
        limits['password-email'].free + 1,
      )

      problem(
        t,
        await from('198.51.100.1', '/login', { email: owner, password: goodPassword }),
        429,
        'rate_limited',
      )
      for (const home of ['198.51.100.1', '198.51.100.2'])
        t.equal(
          (await from(home, '/login', { email: owner, password: goodPassword }, { cookie }))
            .statusCode,
          200,
          'with the cookie of the sign-up the owner gets in',
        )

      // Mails are written in the background.
      const reset = tokenOf(await nextMail(owner, 'Reset'), '/password/reset')
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      const sent = mails.filter(({ to }) => variants(owner).includes(to)).length + 1
      t.ok(sent <= limits['mail-email'].calls * 2, `${sent} mails`)
      t.equal(
        (await from('198.51.100.9', '/password/reset', { token: reset, new_password: next }))
          .statusCode,
        204,
      )
      t.equal(
        (await from('198.51.100.9', '/login', { email: owner, password: next })).statusCode,
        200,
        'after a reset by mail the owner gets in everywhere',
      )
      t.match((await call('GET', '/health/live')).statusCode, 200)
    })
  }
})
