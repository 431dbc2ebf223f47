// Holds a lock of a SQLite file in a separate process until it is killed: node hold.js <url>
// <IMMEDIATE or EXCLUSIVE> <milliseconds of each turn, or 0 to hold the lock for good>
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from '@libsql/client'

const [url = '', mode = '', turns = '0'] = process.argv.slice(2)
const client = createClient({ url, timeout: 5000 })
setInterval(() => {}, 1000)
process.on('disconnect', () => {
  process.exit()
})
for (let turn = 0; ; turn++) {
  await client.execute(`BEGIN ${mode}`)
  if (turn === 0) process.send?.('locked')
  if (turns === '0') break
  await wait(Number(turns))
  await client.execute('ROLLBACK')
  await wait(20)
}
