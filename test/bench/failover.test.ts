import t from 'tap'
import { judge, measureFailovers } from '../../bench/chaos/failover.js'
import { sceneNames } from '../../bench/chaos/failover-scenes.js'

const progress = (line: string) => {
  t.comment(line)
}

t.test('what fails over loses nothing that was acknowledged, and the control does', async (t) => {
  const rows = await measureFailovers(sceneNames, { rounds: 2, control: false, progress })
  t.equal(rows.length, sceneNames.length, 'PgBouncer and Redis are there')
  // The seconds until writes work depend on the load of the machine: `npm run chaos` judges them.
  for (const { what, figures } of rows)
    t.match(
      figures,
      {
        lost: what.startsWith('control') ? /^[1-9]/ : 0,
        'refused, but stored': 0,
        '500s': 0,
        '/claims, live: errors': /^0 of [1-9]/,
      },
      `${what}: ${JSON.stringify(figures)}`,
    )
})

t.test('a lost, a refused, an unknown and a doubled address are found', async (t) => {
  const load = { sent: [], invoked: ['a', 'b', 'c'], acknowledged: ['a'], refused: ['b'] }
  const outcome = { load, recoveries: [100], stalled: 0, rounds: 1, isAlive: true, control: false }
  const kept = (stored: string[], scene = {}, more = {}) =>
    judge({ what: 'x', ...scene }, { ...outcome, stored, ...more }).kept
  t.equal(kept(['a']), true)
  t.equal(kept(['a', 'c']), true, 'c got no clear reply')
  t.equal(kept(['c']), false, 'lost')
  t.equal(kept(['a', 'b']), false, 'refused')
  t.equal(kept(['a', 'z']), false, 'never sent')
  t.equal(kept(['a', 'a']), false, 'doubled')
  t.equal(kept(['a'], {}, { recoveries: [100, 5001] }), false, 'too late')
  t.equal(kept(['a'], {}, { isAlive: false }), false, 'the server ended')
  t.equal(kept([], { mustLose: true }), true, 'the control is seen to lose')
  t.equal(kept(['a'], { mustLose: true }), false)
  t.equal(kept([], { mustLose: true }, { control: true }), false)
  const failed = (status: string) => ({
    load: { ...load, sent: [{ kind: 'signup', due: 0, done: 1, outcome: status }] },
  })
  t.equal(kept(['a'], {}, failed('503 unavailable')), true)
  for (const status of ['500', 'ECONNRESET', '503 unavailable without Retry-After', '401'])
    t.equal(kept(['a'], {}, failed(status)), false, status)
})
