// Probes a server in a separate process, so that an attack on the server does not delay it. It calls
// the server at `argv[2]` with the token `argv[3]`, twenty times a second each on kept and on new
// connections. It reports the outcome of each request to its parent process.
import { createClient } from '../client.js'
import type { Probed } from './probing.js'

const [url, token = ''] = process.argv.slice(2)
const timeout = 5000
const clients = [createClient(timeout, 8), createClient(timeout, 256, false)]
setInterval(() => {
  const begin = performance.now()
  for (const client of clients) {
    for (const path of ['/health/live', '/claims']) {
      client(`${url}${path}`, { token })
        .then(
          ({ status }) => String(status),
          (error: NodeJS.ErrnoException) => error.code ?? error.message,
        )
        .then((outcome) =>
          process.send?.({ outcome, milliseconds: performance.now() - begin } satisfies Probed),
        )
        .catch(() => {})
    }
  }
}, 50)
process.on('disconnect', () => {
  process.exit()
})
