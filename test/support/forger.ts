import type { Test } from 'tap'
import { problemKinds } from '../../src/errors.js'
import type { Algorithm } from '../../src/keys/signing-key.js'
import { buildTestApp, outcome, type TestApp, type TestOptions } from '../helper.js'
import { decode, forge, type Jwk, makeJwk, type Signer, signer } from './forge.js'

/**
 * The application as a forger sees it who holds its private key: whatever is refused, is
 * refused for the one thing that is wrong with it.
 */
export interface Forger extends TestApp {
  /** The private key. */
  jwk: Jwk
  /** Header and claims of a good token, and who it is for. */
  header: Record<string, unknown>
  claims: Record<string, unknown>
  user: Record<string, unknown>
  /** A good token but for the changes; undefined leaves a member out. */
  make: (changes?: { header?: object; claims?: object; sign?: Signer }) => string
  /**
   * Asserts that a token is refused in the one way of its kind: an access token by both
   * protected routes, a refresh token by its route.
   */
  refuses: (t: Test, name: string, token: string) => Promise<void>
  /** Asserts that the same take a token for its person. */
  accepts: (t: Test, name: string, token: string) => Promise<void>
}

/**
 * Builds the application with one new key, and signs up the person whose access token is
 * forged.
 */
export async function buildForger(
  t: Test,
  alg: Algorithm,
  options: TestOptions = {},
): Promise<Forger> {
  return await build(t, alg, options, (test, user) => ({
    kind: 'access_token',
    refuses: async (t, name, token) => {
      for (const url of ['/claims', '/me'])
        await refused(t, `${name}, ${url}`, await test.call('GET', url, { token }))
    },
    accepts: async (t, name, token) => {
      const replies = [
        await test.call('GET', '/claims', { token }),
        await test.call('GET', '/me', { token }),
      ]
      t.strictSame(
        [replies.map(outcome), replies[0]?.json().sub, replies[1]?.json().id],
        [['200', '200'], user.id, user.id],
        name,
      )
    },
  }))
}

/** The same for the person's refresh token. */
export async function buildRefreshForger(
  t: Test,
  alg: Algorithm,
  options: TestOptions = {},
): Promise<Forger> {
  return await build(t, alg, options, ({ call }, user) => ({
    kind: 'refresh_token',
    refuses: async (t, name, token) => {
      refusedRefresh(t, name, await call('POST', '/refresh', { body: { refresh_token: token } }))
    },
    accepts: async (t, name, token) => {
      const reply = await call('POST', '/refresh', { body: { refresh_token: token } })
      t.strictSame([outcome(reply), reply.json().user], ['200', user], name)
    },
  }))
}

type Judge = Pick<Forger, 'refuses' | 'accepts'> & { kind: 'access_token' | 'refresh_token' }

async function build(
  t: Test,
  alg: Algorithm,
  options: TestOptions,
  makeJudge: (test: TestApp, user: Record<string, unknown>) => Judge,
): Promise<Forger> {
  const jwk = makeJwk(alg)
  const test = await buildTestApp(t, { ...options, keys: [jwk] })
  const signedUp = await test.signup()
  const { user } = signedUp
  const { kind, ...judge } = makeJudge(test, user)
  const { header, payload: claims } = decode(signedUp[kind])
  return {
    ...test,
    jwk,
    header,
    claims,
    user,
    make: (changes = {}) =>
      forge(
        { ...header, ...changes.header },
        { ...claims, ...changes.claims },
        changes.sign ?? signer(jwk),
      ),
    ...judge,
  }
}

/** Asserts 401 `invalid_refresh_token`, which is the same whatever is wrong with the token. */
export function refusedRefresh(
  t: Test,
  name: string,
  reply: Awaited<ReturnType<TestApp['call']>>,
): void {
  const { request_id: requestId, ...rest } = reply.json<Record<string, unknown>>()
  const {
    'www-authenticate': challenge,
    'content-type': type,
    'cache-control': cache,
  } = reply.headers
  const { status, title, advice: detail } = problemKinds.invalid_refresh_token
  t.strictSame(
    {
      status: reply.statusCode,
      rest,
      type,
      cache,
      challenge,
      named: requestId === reply.headers['x-request-id'],
    },
    {
      status: 401,
      rest: {
        type: 'http://localhost:3000/problems/invalid_refresh_token',
        title,
        status,
        code: 'invalid_refresh_token',
        detail,
      },
      type: 'application/problem+json; charset=utf-8',
      cache: 'no-store',
      challenge: 'Bearer realm="latchkey"',
      named: true,
    },
    name,
  )
}

/**
 * Asserts 401 `invalid_token` with its challenge (RFC 6750 §3.1), and nothing of the inside.
 * One assertion, for the tables are long.
 */
export async function refused(
  t: Test,
  name: string,
  reply: Awaited<ReturnType<TestApp['call']>>,
): Promise<void> {
  const { detail, request_id: requestId, ...rest } = reply.json<Record<string, unknown>>()
  const {
    'www-authenticate': challenge = '',
    'content-type': type,
    'cache-control': cache,
  } = reply.headers
  const found = {
    status: reply.statusCode,
    rest,
    type,
    cache,
    challenged:
      /^Bearer realm="latchkey", error="invalid_token", error_description="[ !#-[\]-~]+"$/.test(
        String(challenge),
      ),
    named: requestId === reply.headers['x-request-id'],
    plain: typeof detail === 'string' && !/FST_|FAST_JWT|P\d{4}|prisma|PEM|asn1/i.test(reply.body),
  }
  t.strictSame(
    found,
    {
      status: 401,
      rest: {
        type: 'http://localhost:3000/problems/invalid_token',
        title: problemKinds.invalid_token.title,
        status: 401,
        code: 'invalid_token',
      },
      type: 'application/problem+json; charset=utf-8',
      cache: 'no-store',
      challenged: true,
      named: true,
      plain: true,
    },
    name,
  )
}
