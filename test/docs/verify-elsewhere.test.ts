import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { buildTestApp } from '../helper.js'
import { freePort } from '../support/cluster.js'
import { algorithms, makeJwk } from '../support/forge.js'
import {
  account,
  findEditorsInPython,
  findPython,
  makeTokens,
  roleCases,
  text,
  tokenWithRoles,
  verifyInPython,
  writeSnippets,
} from '../support/snippets.js'

interface Claims {
  sub: string
  roles?: string[]
}
type HasRoles = (claims: object, ...needed: string[]) => boolean
type Verify = (authorization?: string) => Promise<Claims | null>
type Guard = (
  request: IncomingMessage & { claims?: Claims },
  reply: ServerResponse,
  next: (error?: unknown) => void,
) => void
type RequireRoles = (...roles: string[]) => Guard

const install = 'apt-get install python3-jwt python3-cryptography'
const load = async <Module>(folder: string, file: string) =>
  (await import(join(folder, file))) as Module

for (const alg of algorithms) {
  t.test(`the examples, with an ${alg} key`, async (t) => {
    const port = await freePort()
    const issuer = `http://localhost:${port}`
    const jwk = makeJwk(alg)
    const { app, signup, time } = await buildTestApp(t, {
      env: { PUBLIC_URL: issuer },
      keys: [jwk],
    })
    time.now = Date.now()
    await app.listen({ host: 'localhost', port })
    t.teardown(() => {
      app.server.closeAllConnections()
    })
    const { access_token: issued, user } = await signup()
    const { good, bad } = makeTokens(issuer, jwk)
    // New ones for each language: some have ended a moment ago, within the leeway.
    const makeAll = () => {
      const { good, bad } = makeTokens(issuer, jwk)
      return { ...good, ...bad, issued }
    }
    const expected = Object.fromEntries(
      Object.keys({ ...good, ...bad, issued }).map((name) => [
        name,
        name === 'issued' ? user.id : name in good ? account : null,
      ]),
    )
    const tryEach = async (verify: (token: string) => Promise<string | null>) =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(makeAll()).map(async ([name, token]) => [name, await verify(token)]),
        ),
      )

    // New ones for each language, as above.
    const withRoles = () =>
      roleCases.map(
        ([roles, isEditor]) =>
          [tokenWithRoles(issuer, jwk, roles), isEditor, JSON.stringify(roles)] as const,
      )

    await t.test('Node.js', async (t) => {
      const { verify, hasRoles } = await load<{ verify: Verify; hasRoles: HasRoles }>(
        writeSnippets(t, { issuer, files: ['latchkey.js'] }),
        'latchkey.js',
      )
      t.strictSame(
        await tryEach(async (token) => (await verify(`Bearer ${token}`))?.sub ?? null),
        expected,
      )
      for (const header of [undefined, '', 'Bearer', 'Bearer ', `Basic ${issued}`, issued])
        t.equal(await verify(header), null, `${header?.slice(0, 20)}`)
      t.equal(
        (await verify(`bearer   ${issued}`))?.sub,
        user.id,
        'the scheme in any case, then one space or more',
      )
      for (const [token, isEditor, name] of withRoles()) {
        const claims = (await verify(`Bearer ${token}`)) ?? {}
        t.equal(hasRoles(claims, 'editor'), isEditor, name)
        t.equal(hasRoles(claims, 'editor', 'author'), false, `two roles, ${name}`)
        t.equal(hasRoles(claims), true, `no role, ${name}`)
      }
      t.equal(hasRoles({ roles: 'editor' }, 'editor'), false, 'a text is no list')
    })

    await t.test('Fastify', async (t) => {
      const port = await freePort()
      const { app: service } = await load<{ app: FastifyInstance }>(
        writeSnippets(t, { issuer, files: ['latchkey.js', 'fastify.js'], port }),
        'fastify.js',
      )
      t.teardown(async () => {
        await service.close()
      })
      t.strictSame(
        await tryEach(async (token) => await ask(t, `http://localhost:${port}/orders`, token)),
        expected,
      )
      const drafts = `http://localhost:${port}/drafts`
      for (const [token, isEditor, name] of withRoles())
        t.equal(await statusOf(drafts, token), isEditor ? 200 : 403, name)
      t.equal(await ask(t, drafts, 'a.b.c'), null, 'a bad token is 401')
    })

    await t.test('Express', async (t) => {
      const { guard, requireRoles } = await load<{ guard: Guard; requireRoles: RequireRoles }>(
        writeSnippets(t, { issuer, files: ['latchkey.js', 'express.js'] }),
        'express.js',
      )
      const url = await serve(t, guard)
      t.strictSame(await tryEach(async (token) => await ask(t, url, token)), expected)
      const drafts = await serve(t, (request, reply, next) => {
        guard(request, reply, (error) => {
          if (error === undefined) requireRoles('editor')(request, reply, next)
          else next(error)
        })
      })
      for (const [token, isEditor, name] of withRoles())
        t.equal(await statusOf(drafts, token), isEditor ? 200 : 403, name)
      t.equal(await ask(t, drafts, 'a.b.c'), null, 'a bad token is 401')
    })

    await t.test('Python', async (t) => {
      const { program, exists } = await findPython()
      if (program === null) {
        const why = `The Python example is not run, because ${exists ? 'python3 has no PyJWT' : 'there is no python3'}: ${install}`
        t.notOk(exists && process.env.CI === 'true', why)
        t.comment(why)
        return
      }
      const folder = writeSnippets(t, { issuer, files: ['latchkey.py'] })
      const tokens = makeAll()
      const found = await verifyInPython(program, folder, Object.values(tokens))
      t.strictSame(
        Object.fromEntries(Object.keys(tokens).map((name, index) => [name, found[index]])),
        expected,
      )
      const cases = withRoles()
      t.strictSame(
        await findEditorsInPython(
          program,
          folder,
          cases.map(([token]) => token),
        ),
        cases.map(([, isEditor]) => isEditor),
        'roles',
      )
    })
  })
}

t.test('while the keys cannot be fetched, no token is called bad', async (t) => {
  const issuer = `http://localhost:${await freePort()}`
  const folder = writeSnippets(t, { issuer, files: ['latchkey.js', 'express.js'] })
  const { verify } = await load<{ verify: Verify }>(folder, 'latchkey.js')
  const { guard } = await load<{ guard: Guard }>(folder, 'express.js')
  const token = makeTokens(issuer, makeJwk('ES256')).good.fresh
  await t.rejects(verify(`Bearer ${token}`), { message: 'fetch failed' })
  t.equal(
    (await fetch(await serve(t, guard), { headers: { authorization: `Bearer ${token}` } })).status,
    500,
  )
})

t.test('each example that is not run here is said to be not', async (t) => {
  const sections = text.split(/^## /m).slice(2)
  t.strictSame(
    sections.map((section) => [section.split('\n')[0], /part of the test suite/.test(section)]),
    [
      ['Roles', false],
      ['Node.js: Fastify, Express', true],
      ['Python: PyJWT', false],
      ['Revocation within seconds', false],
      ['Go: go-oidc', true],
      ['Java: Spring Security', true],
      ['nginx, Caddy, Traefik, and everything behind them', false],
      ['Others', true],
    ],
  )
})

/** A server with a middleware in Express's form before its one route. */
async function serve(t: Test, guard: Guard): Promise<string> {
  const server = createServer((request: IncomingMessage & { claims?: Claims }, reply) => {
    guard(request, reply, (error) => {
      reply
        .writeHead(error === undefined ? 200 : 500)
        .end(JSON.stringify({ account: request.claims?.sub }))
    })
  }).listen(0, 'localhost')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    server.close().closeAllConnections()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

async function statusOf(url: string, token: string): Promise<number> {
  return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status
}

/** The account that a service says a token is of, or null where it answers 401 with a challenge. */
async function ask(t: Test, url: string, token: string): Promise<string | null> {
  const reply = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  if (reply.status === 200) return ((await reply.json()) as { account: string }).account
  t.strictSame(
    [reply.status, reply.headers.get('www-authenticate'), await reply.text()],
    [401, 'Bearer', ''],
    'refused',
  )
  return null
}
