// The entry: `node dist/main.js [command]`. It imports no package and no newer syntax, so that an
// old Node.js gets as far as the check of its version.
import { createEndSignals } from './process/end-signals.js'
import { nodeProblem } from './process/node-version.js'

const problem = nodeProblem(process.versions.node)
if (problem !== null) {
  console.error(problem)
  process.exit(1)
}

// Only the owner may read what this process writes: accounts, keys, mails with links.
process.umask(0o077)

// As process 1 of a container, a process without a handler ignores the signal.
const isServer = process.argv[2] === undefined
const endSignals = createEndSignals(isServer || process.pid === 1 ? process : null)

// The signal to reload keys must not end a process that cannot reload them yet.
process.on('SIGHUP', () => {})

const { runProgram } = await import('./program.js')
await runProgram(process.argv.slice(2), endSignals)
