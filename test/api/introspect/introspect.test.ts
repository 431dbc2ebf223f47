import t from 'tap'
import { buildTestApp, frozenNow, goodPassword, onEachDatabase } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { signupByKey } from '../../support/dpop-client.js'
import { createMachineFlow, oauthOutcome } from '../../support/machines.js'
import { everyRowIs, tableIs } from '../../support/table.js'
import { createEmailFlow } from '../../support/email-flow.js'

const inactive = { active: false }

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, store, time } = built
  const machines = createMachineFlow(built)
  const { create, rotate, send, tokenOf } = machines
  const gateway = await create()
  const ask = async (token: string) => await machines.introspect(gateway, token)
  const flow = createAdminFlow(built)

  await t.test('active tokens, with their claims', async (t) => {
    const { id, token } = await flow.personWith('editor')
    const reply = await ask(token)
    t.match(reply, {
      active: true,
      token_type: 'Bearer',
      iss: 'http://localhost:3000',
      aud: 'http://localhost:3000',
      sub: id,
      client_id: 'latchkey',
      roles: ['editor'],
      ver: 1,
      iat: frozenNow / 1000,
      exp: frozenNow / 1000 + 600,
    })
    t.notOk('email' in reply)
    const machine = await create('users:read', 'orders:ship')
    t.match(await ask(await tokenOf(machine)), {
      active: true,
      token_type: 'Bearer',
      sub: machine.id,
      client_id: machine.id,
      scope: 'users:read orders:ship',
    })
    const bound = await signupByKey(built)
    t.match(await ask(bound.token), { active: true, token_type: 'DPoP', cnf: { jkt: String } })
    const raw = await send('/introspect', { token, token_type_hint: 'refresh_token' }, gateway)
    t.equal(raw.headers['cache-control'], 'no-store')
    t.match(raw.json(), { active: true })
  })

  await t.test('every other text, and tokens of other kinds', async (t) => {
    const { access_token: token, refresh_token: refresh } = await signup()
    const mails = createEmailFlow(built)
    const one = await mails.signupVerified('one@example.org')
    const link = await mails.ask(one.access_token, 'next@example.org')
    const swapped = `${token.slice(0, -4)}AAAA`
    await everyRowIs(
      t,
      [
        ['a refresh token', refresh],
        ['the token of a mail', link],
        ['garbage', 'x'],
        ['NUL', '\0'],
        ['three dots', '...'],
        ['another signature', swapped],
        ['two tokens', `${token} ${token}`],
        ['long', 'x'.repeat(8000)],
        ['the secret of a client', gateway.secret],
      ],
      inactive,
      ask,
      'not active',
    )
  })

  await t.test('a token that was ended is not active at once', async (t) => {
    const person = async (
      end: (who: Awaited<ReturnType<typeof flow.admin>>) => Promise<unknown>,
    ) => {
      const who = await flow.personWith('editor')
      t.match(await ask(who.token), { active: true })
      await end(who)
      return await ask(who.token)
    }
    const machine = async (end: (who: Awaited<ReturnType<typeof create>>) => Promise<unknown>) => {
      const who = await create('users:read')
      const token = await tokenOf(who)
      t.match(await ask(token), { active: true })
      await end(who)
      return (await ask(token)).active
    }
    const { setDisabled, setScopes } = store.machineClients
    await tableIs<() => Promise<unknown>>(
      t,
      [
        [
          'disabled',
          async () =>
            await person(async ({ id }) => {
              await flow.disable(id)
            }),
          inactive,
        ],
        [
          'deleted',
          async () =>
            await person(async ({ id }) => {
              await flow.remove(id)
            }),
          inactive,
        ],
        [
          'demoted',
          async () =>
            await person(async ({ id }) => {
              await flow.setRoles(id)
            }),
          inactive,
        ],
        [
          'logged out',
          async () => await person(async ({ token }) => await call('POST', '/logout', { token })),
          inactive,
        ],
        [
          'logged out everywhere',
          async () =>
            await person(async ({ token }) => await call('POST', '/logout/everywhere', { token })),
          inactive,
        ],
        [
          'a new password',
          async () =>
            await person(
              async ({ token }) =>
                await call('POST', '/password/change', {
                  token,
                  body: {
                    current_password: goodPassword,
                    new_password: 'copper-kettle-over-the-bridge',
                  },
                }),
            ),
          inactive,
        ],
        [
          'a disabled client',
          async () => await machine(async ({ id }) => await setDisabled(id, true)),
          false,
        ],
        [
          'enabled again',
          async () =>
            await machine(async ({ id }) => {
              await setDisabled(id, true)
              await setDisabled(id, false)
            }),
          false,
        ],
        [
          'other scopes',
          async () =>
            await machine(
              async ({ id }) => await setScopes({ id, scopes: 'users:read' }, 'orders:ship'),
            ),
          false,
        ],
        ['rotate --now', async () => await machine(async (who) => await rotate(who, 0)), false],
        ['rotate', async () => await machine(async (who) => await rotate(who, 60)), true],
      ],
      async (run) => await run(),
      'after the event',
    )
    const { access_token: token } = await signup()
    time.now += 631_000
    t.strictSame(await ask(token), inactive, 'expired')
    time.now -= 631_000
    const gone = machines.forgeToken({
      sub: '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e62',
      client_id: '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e62',
    })
    t.strictSame(await ask(gone), inactive, 'a client without a row')
  })

  await t.test('who may ask', async (t) => {
    const { access_token: token } = await signup()
    const disabled = await create()
    await store.machineClients.setDisabled(disabled.id, true)
    await tableIs<Awaited<ReturnType<typeof create>> | undefined>(
      t,
      [
        ['a client without scopes', gateway, '200'],
        ['no client', undefined, '401 invalid_client'],
        ['a wrong secret', { ...gateway, secret: 'x' }, '401 invalid_client'],
        ['a disabled client', disabled, '401 invalid_client'],
      ],
      async (from) => oauthOutcome(await send('/introspect', { token }, from)),
      'introspection',
    )
    t.equal(oauthOutcome(await send('/introspect', {}, gateway)), '400 invalid_request')
    t.equal(
      oauthOutcome(await send('/introspect', `token=${token}&token=x`, gateway)),
      '400 invalid_request',
    )
  })
})
