import argon2 from 'argon2'
import t from 'tap'
import { buildTestApp, goodPassword, headerNames, onEachDatabase } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'
import { operatorOn } from '../support/accounts.js'

/** Names of the methods of the store and of the hasher, in the order in which they were called. */
type Trace = string[]

function traced<T extends object>(target: T, trace: Trace): T {
  return Object.fromEntries(
    Object.entries(target).map(([name, value]) => [
      name,
      typeof value !== 'function'
        ? value
        : (...args: unknown[]) => {
            trace.push(name)
            return (value as (...args: unknown[]) => unknown)(...args)
          },
    ]),
  ) as T
}

// What takes the time is the same; that the time is too, `npm run bench -- enumeration` shows.
await onEachDatabase(t, async (t, database) => {
  const trace: Trace = []
  const { call, store, signup, nextMail } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
    wrapStore: (store) => ({
      ...store,
      ping: async () => {
        trace.push('ping')
        await store.ping()
      },
      accounts: traced(store.accounts, trace),
    }),
  })
  for (const name of ['hash', 'verify'] as const) {
    const original = argon2[name]
    t.intercept(argon2, name, {
      value: async (...args: unknown[]) => {
        trace.push(name)
        return await (original as (...args: unknown[]) => Promise<unknown>)(...args)
      },
    })
  }
  const [caller, plain, verified, disabled] = [
    await signup(),
    await signup(),
    await signup(),
    await signup(),
  ]
  await call('POST', '/email/verify', {
    body: { token: tokenOf(await nextMail(verified.user.email, 'Confirm')) },
  })
  await operatorOn(store.accounts).disable(disabled.user.id)
  const addresses = {
    'an account': plain.user.email,
    'a verified one': verified.user.email,
    'a disabled one': disabled.user.email,
  }
  const routes: Array<
    [
      path: string,
      body: (email: string) => object,
      token: string | undefined,
      status: number,
      work: Trace,
    ]
  > = [
    [
      '/login',
      (email) => ({ email, password: 'wrong' }),
      undefined,
      401,
      ['findByEmail', 'verify'],
    ],
    [
      '/login',
      (email) => ({ email, password: 'x'.repeat(5000) }),
      undefined,
      401,
      ['findByEmail', 'verify'],
    ],
    ['/password/forgot', (email) => ({ email }), undefined, 202, ['ping', 'findByEmail']],
    ['/email/resend', (email) => ({ email }), undefined, 202, ['ping', 'findByEmail']],
    [
      '/email/change',
      (email) => ({ new_email: email, password: goodPassword }),
      caller.access_token,
      202,
      ['findById', 'verify', 'findByEmail'],
    ],
  ]
  for (const [path, body, token, status, work] of routes) {
    const ask = async (email: string) => {
      trace.length = 0
      const reply = await call('POST', path, {
        body: body(email),
        ...(token !== undefined && { token }),
      })
      // What is done for a mail is done in the background.
      while (trace.length < work.length)
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
      return {
        status: reply.statusCode,
        body: reply.body.replaceAll(String(reply.headers['x-request-id']), 'id'),
        names: headerNames(reply),
        work: [...trace],
      }
    }
    const unknown = await ask('nobody@example.org')
    t.strictSame([unknown.status, unknown.work], [status, work], path)
    for (const [name, email] of Object.entries(addresses))
      t.strictSame(await ask(email), unknown, `${path}: ${name}`)
  }
})
