import { startCluster } from './cluster.js'

if (process.env.TEST_DATABASE_URL === undefined) await startCluster()
