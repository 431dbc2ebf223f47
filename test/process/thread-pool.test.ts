import t from 'tap'
import { widenThreadPool } from '../../src/process/thread-pool.js'
import { type Case, tableIs } from '../support/table.js'

type Input = [hashes: number, version: string, size?: string]

t.test('the thread pool has two threads more than hashes run at once', async (t) => {
  const rows: Array<Case<Input, unknown>> = [
    ['few hashes', [3, '22.1.0'], [null, undefined]],
    ['many hashes', [4, '22.1.0'], [null, '6']],
    ['too late on Node.js 20', [16, '20.19.0'], [18, '18']],
    ['set by the operator', [16, '20.19.0', '5'], [null, '5']],
  ]
  const run = ([hashes, version, size]: Input) => {
    const env: Record<string, string | undefined> = { UV_THREADPOOL_SIZE: size }
    return [widenThreadPool(hashes, env, version), env.UV_THREADPOOL_SIZE]
  }
  await tableIs(t, rows, run, 'the size that is missing, and the setting')
  t.equal(widenThreadPool(1, {}), null)
})
