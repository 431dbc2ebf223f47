import { createClientSecret, hashClientSecret } from '../../src/account/client-secret.js'
import type { TestApp } from '../helper.js'
import { forge, signer } from './forge.js'

/** A machine client, and its secret. */
export interface Machine {
  id: string
  secret: string
}

/** The header of credentials, as RFC 6749 §2.3.1 has it. */
export function basic({ id, secret }: Machine): { authorization: string } {
  const text = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
}

/** The type of a form. */
export const formType = { 'content-type': 'application/x-www-form-urlencoded' } as const

/** Creates machine clients, and calls the OAuth endpoints. */
export function createMachineFlow({
  app,
  call,
  config,
  jwks,
  store,
  time,
}: Pick<TestApp, 'app' | 'call' | 'config' | 'jwks' | 'store' | 'time'>) {
  const create = async (...scopes: string[]): Promise<Machine> => {
    const secret = createClientSecret()
    const { id } = await store.machineClients.create({
      name: 'job',
      secretHash: hashClientSecret(secret),
      scopes: scopes.join(' '),
    })
    return { id, secret }
  }
  const send = async (
    url: '/token' | '/introspect',
    form: Record<string, string> | string,
    machine?: Machine,
    network = '192.0.2.1',
  ) =>
    await app.inject({
      method: 'POST',
      url,
      headers: { ...formType, ...(machine && basic(machine)) },
      payload: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
      remoteAddress: network,
    })
  const requestToken = async (machine: Machine, network?: string) =>
    await send('/token', { grant_type: 'client_credentials' }, machine, network)
  return {
    create,
    send,
    requestToken,
    /** Returns a token of a machine client. */
    tokenOf: async (machine: Machine) => {
      const reply = await requestToken(machine)
      if (reply.statusCode !== 200) throw new Error(reply.body)
      return reply.json<{ access_token: string }>().access_token
    },
    /** Replaces the secret. Returns the client with the new one. */
    rotate: async ({ id }: Machine, keepSeconds: number): Promise<Machine> => {
      const secret = createClientSecret()
      const client = await store.machineClients.findById(id)
      if (client === null) throw new Error(`there is no client ${id}`)
      await store.machineClients.rotate(client, {
        secretHash: hashClientSecret(secret),
        previousUntil: keepSeconds === 0 ? null : new Date(time.now + keepSeconds * 1000),
      })
      return { id, secret }
    },
    introspect: async (machine: Machine, token: string) =>
      (await send('/introspect', { token }, machine)).json<Record<string, unknown>>(),
    /** Signs a token with the key of the server. Undefined leaves a claim out. */
    forgeToken: (claims: object) => {
      const [jwk] = jwks.keys
      const iat = Math.floor(time.now / 1000)
      const { PUBLIC_URL: iss, TOKEN_AUDIENCE: aud } = config
      const common = { iss, aud, iat, exp: iat + 600, jti: 'x' }
      return forge(
        { alg: 'ES256', typ: 'at+jwt', kid: jwk?.kid },
        { ...common, ...claims },
        signer(jwk as Parameters<typeof signer>[0]),
      )
    },
    /** @param scope of the query; undefined for none */
    claimsOf: async (token: string, scope?: string) =>
      await call('GET', scope === undefined ? '/claims' : `/claims?scope=${scope}`, { token }),
  }
}

/** The outcome of a call of an OAuth endpoint: `200`, or `401 invalid_client`. */
export function oauthOutcome(reply: Awaited<ReturnType<TestApp['call']>>): string | object {
  const { statusCode, headers, body } = reply
  if (statusCode === 200) return '200'
  const { error, error_description: description, error_uri: uri, ...rest } = reply.json()
  const parts = {
    type: headers['content-type'],
    cache: headers['cache-control'],
    challenged: headers['www-authenticate'] ?? null,
    hasDescription: /^[ !#-[\]-~]+$/.test(String(description)),
    uri: String(uri).startsWith('http://localhost:3000/problems/'),
    rest,
  }
  const expected = {
    type: 'application/json; charset=utf-8',
    cache: 'no-store',
    challenged: statusCode === 401 ? 'Basic realm="latchkey"' : null,
    hasDescription: true,
    uri: true,
    rest: {},
  }
  return JSON.stringify(parts) === JSON.stringify(expected)
    ? `${statusCode} ${String(error)}`
    : { ...parts, body }
}
