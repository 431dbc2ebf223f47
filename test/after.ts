import { stopCluster } from './postgres/cluster.js'

stopCluster()
