import t from 'tap'
import { buildTestApp } from '../../helper.js'

t.test('what is published may be kept for less time than a new key waits', async (t) => {
  for (const [wait, age] of [
    ['1200', 600],
    ['86400', 600],
    ['20', 10],
    ['1', 0],
    ['0', 0],
  ] as const) {
    const { call } = await buildTestApp(t, { env: { KEY_PUBLISH_SECONDS: wait } })
    for (const url of [
      '/.well-known/jwks.json',
      '/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server',
    ]) {
      t.equal(
        (await call('GET', url)).headers['cache-control'],
        `public, max-age=${age}`,
        `${url}, ${wait}`,
      )
    }
  }
})
