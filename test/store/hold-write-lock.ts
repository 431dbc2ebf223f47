// A process of its own that holds the write lock of a SQLite file: node hold-write-lock.ts <url> <milliseconds>
import { createClient } from '@libsql/client'

const [url = '', milliseconds] = process.argv.slice(2)
const transaction = await createClient({ url }).transaction('write')
process.send?.('locked')
setTimeout(() => { transaction.rollback().finally(() => { process.disconnect() }) }, Number(milliseconds))
