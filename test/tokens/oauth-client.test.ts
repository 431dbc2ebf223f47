import * as oauth from 'oauth4webapi'
import t from 'tap'
import { buildTestApp } from '../helper.js'
import { createMachineFlow } from '../support/machines.js'
import { freePort } from '../support/cluster.js'

t.test('oauth4webapi needs only the issuer, the id and the secret', async (t) => {
  const port = await freePort()
  const issuer = new URL(`http://localhost:${port}`)
  const built = await buildTestApp(t, { env: { PUBLIC_URL: issuer.origin } })
  built.time.now = Date.now()
  await built.app.listen({ port, host: '127.0.0.1' })
  const { create } = createMachineFlow(built)
  const machine = await create('users:read')
  const http = { [oauth.allowInsecureRequests]: true }
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { ...http, algorithm: 'oauth2' }),
  )
  const client = { client_id: machine.id }
  for (const authentication of [
    oauth.ClientSecretBasic(machine.secret),
    oauth.ClientSecretPost(machine.secret),
  ]) {
    const { access_token: token, token_type: type } = await oauth.processClientCredentialsResponse(
      server,
      client,
      await oauth.clientCredentialsGrantRequest(
        server,
        client,
        authentication,
        new URLSearchParams({ scope: 'users:read' }),
        http,
      ),
    )
    t.equal(type, 'bearer')
    t.match(
      await oauth.processIntrospectionResponse(
        server,
        client,
        await oauth.introspectionRequest(server, client, authentication, token, http),
      ),
      { active: true, sub: machine.id, scope: 'users:read' },
    )
    const request = new Request(`${issuer.origin}/x`, {
      headers: { authorization: `Bearer ${token}` },
    })
    t.match(await oauth.validateJwtAccessToken(server, request, issuer.origin, http), {
      client_id: machine.id,
    })
  }
  const wrong = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.ClientSecretBasic('x'),
    new URLSearchParams(),
    http,
  )
  await t.rejects(oauth.processClientCredentialsResponse(server, client, wrong), {
    code: oauth.WWW_AUTHENTICATE_CHALLENGE,
    status: 401,
  })
  const scope = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.ClientSecretBasic(machine.secret),
    new URLSearchParams({ scope: 'other' }),
    http,
  )
  t.match(
    await oauth
      .processClientCredentialsResponse(server, client, scope)
      .catch((error: unknown) => error),
    { code: oauth.RESPONSE_BODY_ERROR, error: 'invalid_scope', status: 400 },
  )
})
