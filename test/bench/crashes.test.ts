import t from 'tap'
import { crash } from '../../bench/chaos/crashes.js'
import { startMailServer } from '../../bench/chaos/clients.js'
import { postgresPlace, sqlitePlace } from '../../bench/chaos/place.js'
import { killServer, startServer } from '../support/cluster.js'

const { url, mails, close } = await startMailServer()
t.teardown(close)
const env = { SMTP_URL: url }

t.test(
  'SQLite: what was acknowledged survives kill -9 of the server; what does not would be found',
  async (t) => {
    const place = await sqlitePlace({ env })
    t.teardown(place.remove)
    const progress = (line: string) => {
      t.comment(line)
    }
    t.match(await crash(place, 'server', 2, mails, { control: false, progress }), {
      kept: true,
      figures: { 'lost, doubled or half-done': 0 },
    })
    t.match(await crash(place, 'server', 1, mails, { control: true, progress }), {
      kept: false,
      figures: { 'lost, doubled or half-done': /[^0]/ },
    })
  },
)

t.test(
  'PostgreSQL: what was acknowledged survives kill -9 of the server and of the database',
  async (t) => {
    const place = await postgresPlace({ env })
    t.teardown(place.remove)
    const options = {
      control: false,
      progress: (line: string) => {
        t.comment(line)
      },
    }
    const kept = {
      kept: true,
      figures: { 'lost, doubled or half-done': 0, 'open transactions': 0 },
    }
    t.match(await crash(place, 'server', 2, mails, options), kept)
    t.match(
      await crash(place, 'postmaster', 1, mails, options, async () => {
        await killServer(place.cluster)
        startServer(place.cluster)
      }),
      kept,
    )
  },
)
