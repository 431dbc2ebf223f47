import t from 'tap'
import { loadDuringRotations } from '../../bench/rotation-load.js'
import { runMain, startServer } from '../support/process.js'

// A verifier keeps the keys for 5 of these seconds. The rest is for the second in which a server
// looks at the file, that of which a creation time is cut, and for a machine that is busy.
const publishSeconds = 10

t.test(
  'rotations under load on two servers: no valid token is rejected, by them or by anyone who keeps the published keys as long as allowed',
  async (t) => {
    const folder = t.testdir()
    const env = {
      RATE_LIMITS: 'off',
      PUBLIC_URL: 'https://auth.example.org',
      KEY_PUBLISH_SECONDS: String(publishSeconds),
      ARGON2_MEMORY_KIB: '7168',
      ARGON2_PASSES: '5',
    }
    const servers = [await startServer(t, folder, env), await startServer(t, folder, env)]
    const rotate = async () => {
      const { code, stderr } = await runMain(t, folder, { env, args: ['keys', 'rotate'] })
      if (code !== 0) throw new Error(stderr)
    }
    const report = await loadDuringRotations({
      urls: servers.map(({ url }) => url),
      rotate,
      rotations: 8,
      everyMilliseconds: 1500,
      settleMilliseconds: (publishSeconds + 2) * 1000,
      perSecond: 150,
    })
    t.comment(report)
    t.strictSame(report.rejections, [])
    t.strictSame(report.lost, [])
    t.strictSame(Object.keys(report.byStatus).sort(), ['outside ok', 'status 200'])
    t.ok(report.requests > 150 * 20, `${report.requests} requests`)
    t.ok(report.signingKids > 5, `${report.signingKids} keys have signed`)
    t.strictSame(
      await Promise.all(servers.map(async (server) => await server.stop('SIGTERM'))),
      [0, 0],
    )
  },
)
