import { stopCluster } from './support/cluster.js'

stopCluster()
