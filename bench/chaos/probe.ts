// A process of its own, so that it is not held up by what is done to the server: asks the server at
// `argv[2]`, with the token `argv[3]`, twenty times a second each on connections that are kept and
// on fresh ones, and tells the process that started it what came of each request.
import { createClient } from '../client.js'
import type { Probed } from './probing.js'

const [url, token = ''] = process.argv.slice(2)
const patience = 5000
const clients = [createClient(patience, 8), createClient(patience, 256, false)]
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
