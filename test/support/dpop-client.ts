import { randomUUID } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import { goodPassword, type TestApp } from '../helper.js'
import { athOf, createProver, type Prover } from './prover.js'

/** The URL that proofs name. */
export const base = 'http://localhost:3000'
/** A client with a key of its own. */
export interface Client {
  prover: Prover
  /** The nonce of the last reply. */
  nonce: string | undefined
  /** Sends a request with a proof, as a client of RFC 9449 would. */
  send: (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    options?: { body?: object; token?: string; claims?: Record<string, unknown> },
  ) => Promise<LightMyRequestResponse>
}

/** Creates a client that sends a proof with each request, with the last nonce that it got. */
export function createClient({ call }: Pick<TestApp, 'call'>, prover = createProver()): Client {
  const client: Client = {
    prover,
    nonce: undefined,
    send: async (method, path, { body, token, claims = {} } = {}) => {
      const proof = prover.make({
        htm: method,
        htu: `${base}${path}`,
        ...(client.nonce !== undefined && { nonce: client.nonce }),
        ...(token !== undefined && { ath: athOf(token) }),
        ...claims,
      })
      const reply = await call(method, path, {
        body,
        headers: { dpop: proof, ...(token !== undefined && { authorization: `DPoP ${token}` }) },
      })
      const nonce = reply.headers['dpop-nonce']
      if (nonce !== undefined) client.nonce = String(nonce)
      return reply
    },
  }
  return client
}

/** Signs a new person up with a key, in two rounds: the first only fetches the nonce. */
export async function signupByKey(built: TestApp, email = `${randomUUID()}@example.org`) {
  const client = createClient(built)
  const body = { email, password: goodPassword }
  await client.send('POST', '/signup', { body })
  const reply = await client.send('POST', '/signup', { body })
  const { access_token: token, refresh_token: refreshToken, user } = reply.json()
  return { client, reply, token, refreshToken, user, email }
}
