import type { Test } from 'tap'
import type { Algorithm } from '../../src/tokens/keys.js'
import { buildTestApp, problem, type TestApp, type TestOptions } from '../helper.js'
import { decode, forge, type Jwk, makeJwk, type Signer, signer } from '../tokens/forge.js'

/** The application as a forger sees it who holds its private key: whatever is refused, is refused for the one thing that is wrong with it. */
export interface Forger extends TestApp {
  /** The private key. */
  jwk: Jwk
  /** Header and claims of a good token, and who it is for. */
  header: Record<string, unknown>
  claims: Record<string, unknown>
  user: Record<string, unknown>
  /** A good token but for the changes; undefined leaves a member out. */
  make: (changes?: { header?: object, claims?: object, sign?: Signer }) => string
  /** Asserts that both protected routes refuse a token in the one way. */
  refuses: (t: Test, name: string, token: string) => Promise<void>
  /** Asserts that both protected routes take a token for its person. */
  accepts: (t: Test, name: string, token: string) => Promise<void>
}

/** Builds the application with one new key, and signs up the person whose token is forged. */
export async function buildForger (t: Test, alg: Algorithm, options: TestOptions = {}): Promise<Forger> {
  const jwk = makeJwk(alg)
  const test = await buildTestApp(t, { ...options, keys: [jwk] })
  const { access_token: token, user } = await test.signup()
  const { header, payload: claims } = decode(token)
  return {
    ...test,
    jwk,
    header,
    claims,
    user,
    make: (changes = {}) => forge({ ...header, ...changes.header }, { ...claims, ...changes.claims }, changes.sign ?? signer(jwk)),
    refuses: async (t, name, token) => {
      for (const url of ['/claims', '/me']) await refused(t, `${name}, ${url}`, await test.call('GET', url, { token }))
    },
    accepts: async (t, name, token) => {
      const replies = [await test.call('GET', '/claims', { token }), await test.call('GET', '/me', { token })]
      t.strictSame(replies.map(({ statusCode }) => statusCode), [200, 200], `${name}: ${replies.map(({ body }) => body).join()}`)
      t.strictSame([replies[0]?.json().sub, replies[1]?.json().id], [user.id, user.id], name)
    }
  }
}

/** Asserts 401 `invalid_token` with its challenge (RFC 6750 §3.1). */
export async function refused (t: Test, name: string, reply: Awaited<ReturnType<TestApp['call']>>): Promise<void> {
  if (reply.statusCode !== 401) t.fail(`${name}: ${reply.statusCode} ${reply.body}`)
  const body = problem(t, reply, 401, 'invalid_token')
  t.strictSame(Object.keys(body).sort(), ['code', 'detail', 'request_id', 'status', 'title', 'type'], name)
  t.match(reply.headers['www-authenticate'], /^Bearer realm="latchkey", error="invalid_token", error_description="[ !#-[\]-~]+"$/, name)
}
