import t from 'tap'
import { checkForwardAuth } from '../support/forward-auth-checks.js'
import { startBehindProxy } from '../support/forward-auth.js'
import { startNginx } from '../support/nginx.js'

t.test('requests through nginx', async (t) => {
  const behind = await startBehindProxy(t, { RATE_LIMITS: 'off' })
  if (await startNginx(t, behind.addresses)) await checkForwardAuth(t, behind)
})
