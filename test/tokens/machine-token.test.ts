import t from 'tap'
import { buildTestApp, outcome } from '../helper.js'
import { createMachineFlow } from '../support/machines.js'
import { tableIs } from '../support/table.js'

t.test('a token of a person is none of a machine client, nor the other way round', async (t) => {
  const built = await buildTestApp(t)
  const { create, forgeToken, introspect } = createMachineFlow(built)
  const machine = await create('users:read', 'users:write')
  const { user } = await built.signup()
  const authTime = Math.floor(built.time.now / 1000)
  const person = { sub: user.id, auth_time: authTime }
  const client = { sub: machine.id, client_id: machine.id, scope: 'users:read' }
  await tableIs<object>(
    t,
    [
      // Each with the signature of the server: GET /me, GET /admin/users, active.
      ['a person', { ...person, client_id: 'latchkey' }, ['200', '403 missing_role', true]],
      ['of an earlier version', person, ['200', '403 missing_role', true]],
      ['a client', client, ['403 forbidden', '200', true]],
      [
        'a person with a scope',
        { ...person, scope: 'users:read' },
        ['200', '403 missing_role', true],
      ],
      [
        'a person as client',
        { ...client, sub: user.id, client_id: user.id },
        ['403 forbidden', '401 invalid_token', false],
      ],
      [
        'a client as person',
        { ...person, sub: machine.id },
        ['401 invalid_token', '403 missing_role', false],
      ],
      [
        'another client',
        { ...client, client_id: user.id },
        ['401 invalid_token', '401 invalid_token', false],
      ],
      [
        'a client with roles',
        { ...client, roles: ['admin'] },
        ['401 invalid_token', '401 invalid_token', false],
      ],
      [
        'a client with a login',
        { ...client, auth_time: authTime },
        ['401 invalid_token', '401 invalid_token', false],
      ],
      [
        'a client with a key',
        { ...client, cnf: { jkt: 'x'.repeat(43) } },
        ['401 invalid_token', '401 invalid_token', false],
      ],
      ['null', { ...person, client_id: null }, ['401 invalid_token', '401 invalid_token', false]],
      [
        'a list of clients',
        { ...client, client_id: [machine.id] },
        ['401 invalid_token', '401 invalid_token', false],
      ],
      [
        'a list of scopes',
        { ...client, scope: ['users:read'] },
        ['401 invalid_token', '401 invalid_token', false],
      ],
      [
        'scopes with two spaces',
        { ...client, scope: 'a  users:read' },
        ['401 invalid_token', '401 invalid_token', false],
      ],
      [
        'expired',
        { ...client, exp: authTime - 60 },
        ['401 invalid_token', '401 invalid_token', false],
      ],
    ],
    async (claims) => {
      const token = forgeToken(claims)
      return [
        outcome(await built.call('GET', '/me', { token })),
        outcome(await built.call('GET', '/admin/users', { token })),
        (await introspect(machine, token)).active,
      ]
    },
    'tokens',
  )
})
