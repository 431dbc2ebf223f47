import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, type TestApp } from '../helper.js'
import { createAdminFlow } from '../support/admins.js'
import { freePort } from '../support/cluster.js'
import { tokenOf } from '../support/mailbox.js'
import { type Poller, startNodePoller, startPythonPoller } from '../support/revocation-pollers.js'

/** The max time in which a change must reach another service, in milliseconds. */
const bound = 6000
const next = 'seven-green-kettles-whistle'

type Person = Awaited<ReturnType<TestApp['signup']>>

await onEachDatabase(t, async (t, database) => {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const asked: string[] = []
  const built = await buildTestApp(t, {
    database,
    env: { PUBLIC_URL: issuer },
    beforeReady: (app) => {
      app.addHook('onResponse', (request, _reply, done) => {
        if (request.headers['x-from-the-test'] === undefined) asked.push(String(request.url))
        done()
      })
    },
  })
  const { app, signup, nextMail, time } = built
  Object.defineProperty(time, 'now', { get: Date.now })
  const call: TestApp['call'] = async (method, url, options = {}) =>
    await built.call(method, url, { ...options, headers: { 'x-from-the-test': '1' } })
  await app.listen({ host: 'localhost', port })
  t.teardown(() => {
    app.server.closeAllConnections()
  })
  const { setRoles, disable } = createAdminFlow({ ...built, call })
  const login = async ({ user }: Person, password = goodPassword) =>
    (await call('POST', '/login', { body: { email: user.email, password } })).json<Person>()

  /** Each ends the tokens of a person, and returns the next one, if there is one. */
  const changes: Record<string, (person: Person) => Promise<Person | null>> = {
    'a logout everywhere': async (person) => {
      await call('POST', '/logout/everywhere', { token: person.access_token })
      return await login(person)
    },
    disabling: async ({ user }) => {
      await disable(user.id)
      return null
    },
    deletion: async ({ access_token: token }) => {
      await call('DELETE', '/me', { token, body: { password: goodPassword } })
      return null
    },
    'a role': async ({ user, refresh_token: token }) => {
      await setRoles(user.id, 'editor')
      return (await call('POST', '/refresh', { body: { refresh_token: token } })).json()
    },
    'a role that is taken': async ({ user, refresh_token: token }) => {
      await setRoles(user.id)
      return (await call('POST', '/refresh', { body: { refresh_token: token } })).json()
    },
    'a changed password': async ({ access_token: token }) => {
      const body = { current_password: goodPassword, new_password: next }
      return (await call('POST', '/password/change', { token, body })).json()
    },
    'a reset password': async (person) => {
      const { email } = person.user
      await call('POST', '/password/forgot', { body: { email } })
      const token = tokenOf(await nextMail(email, 'Reset'))
      await call('POST', '/password/reset', { body: { token, new_password: next } })
      return await login(person, next)
    },
    'a login just before a logout everywhere': async (person) => {
      const earlier = await login(person)
      await call('POST', '/logout/everywhere', { token: earlier.access_token })
      return await login(person)
    },
  }

  const rolesOf = async (poller: Poller, { access_token: token }: Person) => {
    const claims = await poller.verify(token)
    return claims === null ? null : (claims.roles ?? [])
  }

  await t.test('each change reaches other services in time, with no look-up', async (t) => {
    const found = [await startNodePoller(t, { issuer }), await startPythonPoller(t, { issuer })]
    const pollers = found.filter((poller) => poller !== null)
    t.ok(pollers.length === 2 || process.env.CI !== 'true', 'Python with PyJWT')
    const people = await Promise.all(
      Object.keys(changes).map(async (name) => {
        const person = await signup()
        if (name !== 'a role that is taken') return person
        await setRoles(person.user.id, 'author')
        return await login(person)
      }),
    )
    const bystander = await signup()
    for (const poller of pollers)
      for (const person of [...people, bystander]) t.ok(await rolesOf(poller, person))
    asked.length = 0
    const begin = performance.now()
    await Promise.all(
      Object.entries(changes).map(async ([name, change], index) => {
        const person = people[index] as Person
        const following = await change(person)
        const since = performance.now()
        for (const poller of pollers)
          if (following !== null)
            t.strictSame(
              await rolesOf(poller, following),
              name === 'a role' ? ['editor'] : [],
              `${name}: the next token, with its roles, at once`,
            )
        await Promise.all(
          pollers.map(async (poller) => {
            while ((await rolesOf(poller, person)) !== null) {
              if (performance.now() - since > bound) throw new Error(`${name} did not arrive`)
              await wait(50)
            }
          }),
        )
        const milliseconds = performance.now() - since
        t.ok(milliseconds < bound, `${name}: ${Math.round(milliseconds)} ms`)
        if (following !== null)
          for (const poller of pollers) t.ok(await rolesOf(poller, following), `${name}: still`)
      }),
    )
    for (const poller of pollers) t.ok(await rolesOf(poller, bystander), 'others are not affected')
    const polls = Math.ceil((performance.now() - begin) / 1900) + 1
    const others = asked.filter((url) => url !== '/revocations')
    t.strictSame(others, [], 'nothing is asked for a token')
    t.ok(asked.length <= polls * pollers.length, `${asked.length} polls`)
  })
})
