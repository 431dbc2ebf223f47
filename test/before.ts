import { execFileSync } from 'node:child_process'
import { startCluster } from './postgres/cluster.js'

// The tests of the process run what ships: the bundle. It is built outside of what coverage counts.
execFileSync(process.execPath, ['build.mjs'], { stdio: 'inherit', env: { PATH: process.env.PATH ?? '' } })
if (process.env.TEST_DATABASE_URL === undefined) await startCluster()
