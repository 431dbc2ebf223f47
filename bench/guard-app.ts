// The program that bench/guard.ts measures. `tokens <key> <count>` prints access tokens. `serve
// <key>` serves the application, and the route GET /open, which is GET /claims without the guard.
import type { FastifyBaseLogger } from 'fastify'
import { buildApp } from '../src/app.js'
import { createServices } from '../src/services.js'
import { loadConfig } from '../src/config.js'
import type { App } from '../src/http/fastify.js'
import { createLogger } from '../src/http/log.js'
import { Claims, NoQuery } from '../src/http/schemas.js'
import type { Store } from '../src/store/open-store.js'
import { type AccessClaims, createAccessTokens } from '../src/tokens/access-token.js'
import { createDrain } from '../src/process/drain.js'
import { createKeyRing } from '../src/keys/key-ring.js'
import { generateKey, parseKeys } from '../src/keys/signing-key.js'
import { longestTokenSeconds } from '../src/tokens/lifetimes.js'
import { reportState } from './process-state.js'

const [command, key = '', count = '1'] = process.argv.slice(2)
const config = loadConfig({})
const clock = Date.now

if (command === 'key') console.log(JSON.stringify(await generateKey(1)))
else {
  const ring = createKeyRing(await parseKeys(`{"keys":[${key}]}`, 'the bench'), {
    publishSeconds: 0,
    longestTokenSeconds: longestTokenSeconds(config),
    clock,
  })
  const accessTokens = createAccessTokens({
    ring,
    issuer: config.PUBLIC_URL,
    audience: config.TOKEN_AUDIENCE,
    lifeSeconds: 3600,
    clock,
  })
  const issue = () =>
    accessTokens.issue(
      {
        id: '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1',
        roles: '[]',
        claims: '{}',
        accessVersion: 0,
      },
      { authTime: Math.floor(clock() / 1000), sid: 'q2Yk0c3m9hZ8TtVwLr1xGA' },
    ).accessToken
  if (command === 'tokens') for (let i = 0; i < Number(count); i++) console.log(issue())
  else await listen(product(await createLogger('info', process.stdout)))

  function product(logger: FastifyBaseLogger): App {
    const unused = {} as never
    const app = buildApp(
      createServices({
        config,
        store: { close: async () => {} } as Store,
        passwords: unused,
        ring,
        mailer: unused,
        clock,
        logger,
        drain: createDrain(),
      }),
    )
    const claims = example()
    app.register(async (api: App) => {
      api.get(
        '/open',
        {
          config: { public: true },
          schema: {
            querystring: NoQuery,
            response: { 200: { ...Claims, description: 'The claims' } },
          },
        },
        async () => claims,
      )
    })
    return app
  }

  function example(): AccessClaims {
    return JSON.parse(
      Buffer.from(issue().split('.')[1] ?? '', 'base64url').toString(),
    ) as AccessClaims
  }

  async function listen(app: App): Promise<void> {
    reportState()
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    process.send?.(address)
  }
}
