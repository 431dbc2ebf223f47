import t from 'tap'
import { Problem } from '../../../src/errors.js'
import {
  buildTestApp,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  pointers,
  problem,
} from '../../helper.js'
import { decode } from '../../support/forge.js'

const misfits: Array<[body: object, pointers: string[]]> = [
  [{ refreshToken: 'x' }, ['/refreshToken']],
  [{ refresh_token: 'x', grant_type: 'refresh_token', scope: '' }, ['/grant_type', '/scope']],
  [{ refresh_token: 'x', transport: 'cookies' }, ['/transport']],
  ...notStrings.map((value): [object, string[]] => [{ refresh_token: value }, ['/refresh_token']]),
]

await onEachDatabase(t, async (t, database) => {
  let away = false
  const { call, signup, time, config, log, logText } = await buildTestApp(t, {
    database,
    env: { TOKEN_AUDIENCE: 'urn:example:api' },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          if (away) throw new Problem('unavailable')
          return await store.accounts.findById(id)
        },
      },
    }),
  })
  const { refresh_token: token, user } = await signup()
  const refresh = async (body: unknown, headers = {}) =>
    await call('POST', '/refresh', { body, headers })

  for (const [body, expected] of misfits)
    t.strictSame(pointers(t, await refresh(body)).sort(), expected, JSON.stringify(body))
  for (const body of notObjects)
    t.strictSame(pointers(t, await refresh(body, jsonType)), [''], body)
  problem(t, await call('POST', '/refresh'), 401, 'invalid_refresh_token')
  // A page whose cookies have expired, or a client that lost its token: log in again.
  problem(t, await refresh({}), 401, 'invalid_refresh_token')
  // Some clients name the type of the body that they do not send.
  problem(t, await refresh('', jsonType), 401, 'invalid_refresh_token')
  problem(t, await refresh(' ', jsonType), 400, 'invalid_json')
  t.strictSame(
    pointers(
      t,
      await call('POST', `/refresh?refresh_token=${token}`, { body: { refresh_token: token } }),
    ),
    ['refresh_token'],
    'no token in a URL',
  )
  problem(
    t,
    await refresh(`refresh_token=${token}`, {
      'content-type': 'application/x-www-form-urlencoded',
    }),
    415,
    'unsupported_media_type',
  )

  time.now += 60_000
  const reply = await refresh(
    { refresh_token: token },
    { authorization: 'Bearer nonsense', cookie: 'x=y' },
  )
  t.equal(reply.statusCode, 200, 'other credentials change nothing')
  t.match(reply.headers, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'set-cookie': undefined,
    'www-authenticate': undefined,
    location: undefined,
  })
  const { access_token: accessToken, refresh_token: refreshToken, ...rest } = reply.json()
  t.strictSame(rest, { token_type: 'Bearer', expires_in: 600, refresh_expires_in: 2_592_000, user })
  const iat = time.now / 1000
  const { sid } = decode(token).payload
  t.match(sid, /^[\w-]{22}$/)
  const { jti, ...access } = decode(accessToken).payload
  t.strictSame(access, {
    iss: config.PUBLIC_URL,
    aud: 'urn:example:api',
    sub: user.id,
    iat,
    exp: iat + 600,
    auth_time: iat - 60,
    client_id: 'latchkey',
    sid,
  })
  const {
    header,
    payload: { jti: refreshJti, ...claims },
  } = decode(refreshToken)
  t.match(header, { typ: 'rt+jwt' })
  t.strictSame(claims, {
    iss: config.PUBLIC_URL,
    aud: `${config.PUBLIC_URL}/refresh`,
    sub: user.id,
    iat,
    exp: iat + 2_592_000,
    auth_time: iat - 60,
    epoch: 0,
    sid,
  })
  t.equal(new Set([jti, refreshJti, decode(token).payload.jti]).size, 3)
  t.ok(accessToken.length < 600 && refreshToken.length < 600)
  t.equal((await call('GET', '/me', { token: accessToken })).statusCode, 200)

  away = true
  const refused = await refresh({ refresh_token: token })
  problem(t, refused, 503, 'unavailable')
  t.match(refused.headers['retry-after'], /^[1-9]\d*$/)
  problem(t, await refresh({ refresh_token: 'x' }), 401, 'invalid_refresh_token')
  t.notOk(
    log().some(({ level }) => Number(level) > 40),
    'no fault of ours',
  )
  for (const secret of [token, accessToken, refreshToken])
    t.notOk(logText().includes(secret.slice(0, 60)), 'no token in the log')
})
