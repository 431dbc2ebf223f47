import t from 'tap'
import { CommandError } from '../../src/cli/command-error.js'
import { explainTaken } from '../../src/cli/users-taken.js'
import { Problem } from '../../src/errors.js'

t.test('a taken address is explained, and other errors pass through', async (t) => {
  t.equal(await explainTaken(Promise.resolve(1), 'taken'), 1)
  await t.rejects(
    explainTaken(Promise.reject(new Problem('email_taken')), 'taken'),
    new CommandError('taken'),
  )
  for (const error of [new Problem('unavailable'), new Error('email_taken')])
    await t.rejects(explainTaken(Promise.reject(error), 'taken'), error)
})
