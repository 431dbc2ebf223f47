// Starts or stops a cluster in a separate process, so that it does not block the load: node pg.js
// <start, stop or kill> <cluster as JSON>
import {
  type Cluster,
  isRunning,
  killServer,
  startServer,
  stopServer,
} from '../../test/support/cluster.js'

const [what, text = ''] = process.argv.slice(2)
const cluster = JSON.parse(text) as Cluster
if (what === 'start' && !isRunning(cluster)) startServer(cluster)
if (what === 'stop') stopServer(cluster)
if (what === 'kill') await killServer(cluster)
