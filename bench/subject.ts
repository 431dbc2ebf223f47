import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Options } from 'autocannon'
import { loadConfig } from '../src/config.js'
import { connect, parseDatabaseUrl } from '../src/store/database.js'
import { createAccessTokens } from '../src/tokens/access-token.js'
import { createKeyRing } from '../src/keys/key-ring.js'
import { parseKeys } from '../src/keys/signing-key.js'
import { longestTokenSeconds } from '../src/tokens/lifetimes.js'
import { createClient } from './client.js'
import { load, repeat, type Sample } from './sample.js'
import { memoryOf, startServer } from './server.js'

/** The scenarios to measure by name; each call is one measurement. */
export type Scenarios = Record<string, (seconds: number) => Promise<Sample>>

/** A running server with accounts, and its scenarios. */
export interface Subject {
  scenarios: Scenarios
  /** Sends the requests of `GET /claims, token seen before`, byte for byte, to another server. */
  elsewhere: (url: string) => Scenarios[string]
  /** The peak memory of the server so far, in MiB. */
  peakMemory: () => number
  stop: () => Promise<void>
}

const password = 'brass-lantern-under-the-stair'

/** For requests that hash: enough to keep every core busy, few enough to keep waits short. */
const hashingConnections = 8
const connections = 32

type Requests = NonNullable<Options['requests']>

const json = { method: 'POST', headers: { 'content-type': 'application/json' } } as const
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** More tokens than the guard remembers: it forgets each before its next use. */
export const manyTokens = 25_000

/**
 * Starts the built program on a database, creates accounts, and returns the scenarios.
 *
 * @param coldTokens the number of tokens for the scenario with tokens never seen before
 */
export async function openSubject(
  folder: string,
  databaseUrl: string,
  {
    accounts,
    coldTokens,
    settings,
  }: { accounts: number; coldTokens: number; settings: Record<string, string> },
): Promise<Subject> {
  mkdirSync(folder)
  const server = await startServer(folder, {
    DATABASE_URL: databaseUrl,
    AUTO_MIGRATE: 'on',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'info',
    ...settings,
  })
  const send = createClient(30_000)
  const people: Array<{
    email: string
    access_token: string
    refresh_token: string
    user: { id: string }
  }> = []
  const signUp = async () => {
    const email = `${crypto.randomUUID()}@example.org`
    const { status, body } = await send(`${server.url}/signup`, { body: { email, password } })
    if (status !== 201) throw new Error(`signup returned ${status}: ${body}`)
    people.push({
      email,
      ...(JSON.parse(body) as {
        access_token: string
        refresh_token: string
        user: { id: string }
      }),
    })
  }
  while (people.length < accounts) await Promise.all([signUp(), signUp()])
  const cold = await freshTokens(folder, server.url, coldTokens)
  const client = await connect(parseDatabaseUrl(databaseUrl))
  let next = 0
  const one = <T>(list: T[]) => list[next++ % list.length] as T
  const ask =
    (requests: Requests, connections: number, url = server.url) =>
    async (seconds: number) =>
      await load({ url, connections, duration: seconds, requests })
  // Created in advance where requests may repeat: the load takes CPU time from the server.
  const get = (path: string): Requests =>
    people.map(({ access_token: token }) => ({ path, headers: bearer(token) }))
  const post = (path: string, bodies: object[]): Requests =>
    bodies.map((body) => ({ ...json, path, body: JSON.stringify(body) }))
  return {
    scenarios: {
      'GET /claims, token seen before': ask(get('/claims'), connections),
      'GET /claims, token never seen': ask(
        [
          {
            path: '/claims',
            setupRequest: (request) => ({ ...request, headers: bearer(one(cold)) }),
          },
        ],
        connections,
      ),
      'Prisma alone: find an account': async (seconds) =>
        await repeat(
          seconds,
          connections,
          async () => await client.user.findUnique({ where: { id: one(people).user.id } }),
        ),
      'GET /me': ask(get('/me'), connections),
      'POST /refresh': ask(
        post(
          '/refresh',
          people.map((person) => ({ refresh_token: person.refresh_token })),
        ),
        connections,
      ),
      'POST /login': ask(
        post(
          '/login',
          people.map(({ email }) => ({ email, password })),
        ),
        hashingConnections,
      ),
      'POST /signup': ask(
        [
          {
            ...json,
            path: '/signup',
            setupRequest: (request) => ({
              ...request,
              body: JSON.stringify({ email: `${crypto.randomUUID()}@example.org`, password }),
            }),
          },
        ],
        hashingConnections,
      ),
    },
    elsewhere: (url) => ask(get('/claims'), connections, url),
    peakMemory: () => memoryOf(server.pid).peak,
    stop: async () => {
      await client.$disconnect()
      await server.stop()
    },
  }
}

// Signed here with the key of the server: requesting so many would take longer than the bench.
async function freshTokens(folder: string, issuer: string, count: number): Promise<string[]> {
  const config = loadConfig({})
  const keys = await parseKeys(readFileSync(join(folder, 'data/keys.json'), 'utf8'), 'the bench')
  const ring = createKeyRing(keys, {
    publishSeconds: 0,
    longestTokenSeconds: longestTokenSeconds(config),
    clock: Date.now,
  })
  const accessTokens = createAccessTokens({
    ring,
    issuer,
    audience: issuer,
    lifeSeconds: 3600,
    clock: Date.now,
  })
  const id = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1'
  return Array.from(
    { length: count },
    () =>
      accessTokens.issue(
        { id, roles: '[]', claims: '{}', accessVersion: 0 },
        { authTime: Math.floor(Date.now() / 1000), sid: 'q2Yk0c3m9hZ8TtVwLr1xGA' },
      ).accessToken,
  )
}
