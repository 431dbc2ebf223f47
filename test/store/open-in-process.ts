// A process of its own that opens and uses the store of each DATABASE_URL it is sent, and says what became of it.
import { openStore } from '../../src/store/open.js'

async function use (url: string): Promise<string> {
  const store = await openStore(url, { autoMigrate: true, clock: Date.now })
  await store.accounts.create({ email: 'one@example.org', passwordHash: 'h', name: null })
  await store.close()
  return 'used'
}

process.on('message', (url: string) => {
  use(url).catch(String).then((outcome) => process.send?.(outcome), () => {})
})
process.send?.('ready')
