import { stopCluster } from './cluster.js'

stopCluster()
