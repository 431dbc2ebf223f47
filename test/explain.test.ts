import t from 'tap'
import { CommandError } from '../src/cli/command-error.js'
import { ConfigError } from '../src/config.js'
import { Problem } from '../src/errors.js'
import { explain } from '../src/explain.js'
import { KeyRingError } from '../src/keys/signing-key.js'
import { DatabaseError, PendingMigrationsError } from '../src/store/database-error.js'
import { type Case, tableIs } from './support/table.js'

t.test('an operator reads one message of an error that they can fix', async (t) => {
  const unavailable = (cause: unknown) => new Problem('unavailable', { cause })
  const start = 'The database of DATABASE_URL cannot be used: '
  const rows: Array<Case<unknown, string | null>> = [
    ['a setting', new ConfigError('a'), 'a'],
    ['a command', new CommandError('b'), 'b'],
    ['a key', new KeyRingError('c'), 'c'],
    [
      'migrations',
      new PendingMigrationsError('SQLite x', ['d']),
      'SQLite x lacks migrations: d. Run "npm run migrate", or set AUTO_MIGRATE=on.',
    ],
    ['a database', new DatabaseError('i'), 'i'],
    ['a bug', new TypeError('e'), null],
    ['not an error', 'f', null],
    ['a driver', unavailable(new Error('g')), `${start}g.`],
    ['Prisma', unavailable(new Error('Invalid call\n\nh')), `${start}h.`],
    [
      'a URL with a password',
      unavailable(new Error('no postgresql://u:hunter2@h/d')),
      `${start}no [redacted]`,
    ],
  ]
  await tableIs(t, rows, explain, 'the message')
})
