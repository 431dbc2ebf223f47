import { readdirSync, readlinkSync } from 'node:fs'
import { getPriority } from 'node:os'
import t from 'tap'
import { backgroundNice, lowerPoolPriority } from '../../src/passwords/background.js'
import { createEstimator } from '../../src/passwords/strength.js'
import { post, startServer } from '../support/process.js'

const isLinux = process.platform === 'linux'

/** The number of threads of a process with the lower priority. */
const inBackground = (pid: number) =>
  readdirSync(`/proc/${pid}/task`).filter((id) => getPriority(Number(id)) === backgroundNice).length

t.test('the threads of the pool and the estimator yield to the main thread', async (t) => {
  if (!isLinux) {
    t.strictSame([await lowerPoolPriority({}), backgroundNice], [0, 0], 'only Linux has them')
    return
  }
  t.equal(inBackground(process.pid), 0)
  t.equal(await lowerPoolPriority({}), 4)
  t.equal(inBackground(process.pid), 4)
  t.equal(getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1))), 0)
  await createEstimator()('brass-lantern-under-the-stair', [])
  t.equal(inBackground(process.pid), 5)
})

t.test('a system without the link', async (t) => {
  t.equal(await lowerPoolPriority({}, '/nowhere'), 0)
})

t.test('the server hashes in the background', async (t) => {
  if (!isLinux) {
    t.equal(backgroundNice, 0, 'only Linux has priorities of threads')
    return
  }
  const server = await startServer(t, t.testdir({}), { UV_THREADPOOL_SIZE: '5' })
  const pid = server.process.pid as number
  t.equal(inBackground(pid), 5)
  const body = { email: 'ada@example.org', password: 'brass-lantern-under-the-stair' }
  t.equal((await post(`${server.url}/signup`, body)).status, 201)
  t.equal(inBackground(pid), 6, 'and the estimator')
})
