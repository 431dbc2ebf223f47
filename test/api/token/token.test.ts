import { createHash } from 'node:crypto'
import t from 'tap'
import { Problem } from '../../../src/errors.js'
import { buildTestApp, frozenNow, onEachDatabase, outcome, problem, query } from '../../helper.js'
import { decode } from '../../support/forge.js'
import { basic, createMachineFlow, oauthOutcome } from '../../support/machines.js'
import { tableIs } from '../../support/table.js'

const grant = { grant_type: 'client_credentials' }

await onEachDatabase(t, async (t, database) => {
  await t.test('a client gets a token of its own, and no refresh token', async (t) => {
    const built = await buildTestApp(t, { database })
    const { create, requestToken, send } = createMachineFlow(built)
    const machine = await create('users:read', 'orders:ship')
    const reply = await requestToken(machine)
    const { access_token: token, ...rest } = reply.json()
    t.strictSame(rest, {
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'users:read orders:ship',
    })
    t.equal(reply.headers['cache-control'], 'no-store')
    t.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
    const { header, payload } = decode(token as string)
    t.match(header, { typ: 'at+jwt', alg: 'ES256' })
    t.strictSame(payload, {
      iss: 'http://localhost:3000',
      aud: 'http://localhost:3000',
      sub: machine.id,
      client_id: machine.id,
      scope: 'users:read orders:ship',
      iat: frozenNow / 1000,
      exp: frozenNow / 1000 + 600,
      jti: payload.jti,
    })
    t.match(payload.jti, /^[0-9a-f-]{36}$/)
    t.ok(token.length < 700, `${token.length} bytes`)
    t.equal(
      (await send('/token', { ...grant, scope: 'orders:ship' }, machine)).json().scope,
      'orders:ship',
    )
    const none = await create()
    const empty = (await requestToken(none)).json()
    t.strictSame(Object.keys(empty), ['access_token', 'token_type', 'expires_in'])
    t.notOk('scope' in decode(empty.access_token as string).payload)
  })

  await t.test('requests that are refused', async (t) => {
    const built = await buildTestApp(t, { database })
    const { create, send } = createMachineFlow(built)
    const machine = await create('users:read')
    const disabled = await create('users:read')
    await built.store.machineClients.setDisabled(disabled.id, true)
    const { id, secret } = machine
    const inBody = { client_id: id, client_secret: secret }
    const none = '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e62'
    type Input = [form: Record<string, string> | string, machine?: typeof machine]
    await tableIs<Input>(
      t,
      [
        ['in the header', [grant, machine], '200'],
        ['in the body', [{ ...grant, ...inBody }], '200'],
        ['the same id in both', [{ ...grant, client_id: id }, machine], '200'],
        ['unknown parameters', [{ ...grant, resource: 'x', __proto__x: 'y' }, machine], '200'],
        ['empty parameters', [{ ...grant, scope: '', client_secret: '' }, machine], '200'],
        ['no credentials', [grant], '401 invalid_client'],
        ['no secret', [{ ...grant, client_id: id }], '401 invalid_client'],
        ['no id', [{ ...grant, client_secret: secret }], '401 invalid_client'],
        ['a wrong secret', [grant, { id, secret: `${secret}x` }], '401 invalid_client'],
        ['an empty secret', [grant, { id, secret: '' }], '401 invalid_client'],
        ['an unknown client', [grant, { id: none, secret }], '401 invalid_client'],
        ['the id in capitals', [grant, { id: id.toUpperCase(), secret }], '401 invalid_client'],
        ['NUL in the id', [grant, { id: `${id}\0`, secret }], '401 invalid_client'],
        ['NUL in the body', [{ ...grant, ...inBody, client_id: '\0' }], '401 invalid_client'],
        [
          'a surrogate',
          [`grant_type=client_credentials&client_id=%ED%A0%80&client_secret=x`],
          '401 invalid_client',
        ],
        ['a disabled client', [grant, disabled], '401 invalid_client'],
        ['a client assertion', [{ ...grant, client_assertion: 'x' }], '401 invalid_client'],
        ['both ways', [{ ...grant, ...inBody }, machine], '400 invalid_request'],
        ['two ids', [{ ...grant, client_id: disabled.id }, machine], '400 invalid_request'],
        [
          'a parameter twice',
          ['grant_type=client_credentials&grant_type=x', machine],
          '400 invalid_request',
        ],
        ['no grant type', [{}, machine], '400 invalid_request'],
        ['an empty body', ['', machine], '400 invalid_request'],
        ['the password grant', [{ grant_type: 'password' }, machine], '400 unsupported_grant_type'],
        ['a code', [{ grant_type: 'authorization_code' }, machine], '400 unsupported_grant_type'],
        ['another scope', [{ ...grant, scope: 'users:write' }, machine], '400 invalid_scope'],
        ['one scope more', [{ ...grant, scope: 'users:read admin' }, machine], '400 invalid_scope'],
        ['a broken scope', [{ ...grant, scope: 'a"b\n' }, machine], '400 invalid_scope'],
        ['too large', [{ ...grant, scope: 'x'.repeat(17_000) }, machine], '413 invalid_request'],
      ],
      async ([form, from]) => oauthOutcome(await send('/token', form, from)),
      'a token',
    )
  })

  await t.test('a rotated secret works until its time, and never after', async (t) => {
    const built = await buildTestApp(t, { database })
    const { claimsOf, create, requestToken, rotate, tokenOf } = createMachineFlow(built)
    const old = await create('users:read')
    const token = await tokenOf(old)
    const second = await rotate(old, 60)
    t.equal(oauthOutcome(await requestToken(old)), '200')
    t.equal(oauthOutcome(await requestToken(second)), '200')
    built.time.now += 59_999
    t.equal(oauthOutcome(await requestToken(old)), '200')
    built.time.now += 1
    t.equal(oauthOutcome(await requestToken(old)), '401 invalid_client')
    t.equal(oauthOutcome(await requestToken(second)), '200')
    t.equal((await claimsOf(token, 'users:read')).statusCode, 200, 'tokens live on')
    t.match(await built.store.machineClients.findById(old.id), { version: 0 })

    const third = await rotate(second, 0)
    t.equal(oauthOutcome(await requestToken(second)), '401 invalid_client', 'ended at once')
    t.match(await built.store.machineClients.findById(old.id), {
      version: 1,
      versionChangedAt: new Date(built.time.now),
      previousSecretHash: null,
      previousUntil: null,
    })
    t.match(decode(await tokenOf(third)).payload, { ver: 1 })
  })

  await t.test('tokens from before a change of scopes have no power', async (t) => {
    const built = await buildTestApp(t, { database })
    const { create, tokenOf } = createMachineFlow(built)
    const machine = await create('users:read', 'users:write')
    const token = await tokenOf(machine)
    const list = async (token: string) =>
      outcome(await built.call('GET', '/admin/users', { token }))
    t.equal(await list(token), '200')
    const { setScopes } = built.store.machineClients
    t.equal(await setScopes({ id: machine.id, scopes: 'users:read' }, 'x'), false, 'not as read')
    const held = { id: machine.id, scopes: 'users:read users:write' }
    t.equal(await setScopes(held, 'orders:ship users:read'), true)
    t.equal(await list(token), '401 invalid_token', 'also for a scope that it keeps')
    const next = await tokenOf(machine)
    t.match(decode(next).payload, { scope: 'orders:ship users:read', ver: 1 })
    t.equal(await list(next), '200')
  })

  await t.test('the database has no secret', async (t) => {
    const built = await buildTestApp(t, { database })
    const { create, requestToken } = createMachineFlow(built)
    const { id, secret } = await create()
    t.match(secret, /^lk_[\w-]{43}$/)
    const [row] = await query(built.databaseUrl, 'SELECT * FROM clients')
    t.match(row, {
      id,
      name: 'job',
      secret_hash: createHash('sha256').update(secret).digest('base64url'),
    })
    t.notMatch(JSON.stringify(row), secret.slice(3))
    await requestToken({ id, secret })
    await requestToken({ id, secret: `lk_wrong-${secret}` })
    t.notMatch(built.logText(), secret.slice(3), 'nor has the log')
    await query(built.databaseUrl, "UPDATE clients SET secret_hash = ''")
    for (const damaged of ['', secret])
      t.equal(oauthOutcome(await requestToken({ id, secret: damaged })), '401 invalid_client')
  })
})

t.test('a database that fails, in the shape of OAuth', async (t) => {
  for (const [thrown, expected] of [
    [new Problem('unavailable'), '503 temporarily_unavailable'],
    [new Error('a bug'), '500 server_error'],
  ] as const) {
    const built = await buildTestApp(t, {
      wrapStore: (store) => ({
        ...store,
        machineClients: {
          ...store.machineClients,
          findById: async () => {
            throw thrown
          },
        },
      }),
    })
    const { create, requestToken, send } = createMachineFlow(built)
    const machine = await create()
    t.equal(oauthOutcome(await requestToken(machine)), expected)
    t.equal(oauthOutcome(await send('/introspect', { token: 'x' }, machine)), expected)
  }
})

t.test('headers that no client of OAuth sends', async (t) => {
  const built = await buildTestApp(t)
  const machine = await createMachineFlow(built).create()
  const { authorization } = basic(machine)
  const of = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const post = async (headers: Record<string, string | string[]>, url = '/token') =>
    await built.app.inject({
      method: 'POST',
      url,
      headers: headers as Record<string, string>,
      payload: new URLSearchParams(grant).toString(),
    })
  const form = 'application/x-www-form-urlencoded; charset=UTF-8'
  await tableIs<string | string[]>(
    t,
    [
      ['in capitals', authorization.replace('Basic', 'BASIC  '), '200'],
      ['a plus for a space', of(`${machine.id}:a+b`), '401 invalid_client'],
      ['no colon', of(machine.id), '401 invalid_client'],
      ['a broken percent sign', of(`${machine.id}:%zz`), '401 invalid_client'],
      ['no Base64', 'Basic %%%', '401 invalid_client'],
      ['no token', 'Basic', '401 invalid_client'],
      ['a bearer token', 'Bearer x', '401 invalid_client'],
      ['two headers', [authorization, authorization], '400 invalid_request'],
    ],
    async (header) => oauthOutcome(await post({ 'content-type': form, authorization: header })),
    'credentials',
  )
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x'])
    t.equal(
      oauthOutcome(await post({ 'content-type': type, authorization })),
      '415 invalid_request',
      type,
    )
  problem(t, await post({ 'content-type': form }, '/login'), 415, 'unsupported_media_type')
})
