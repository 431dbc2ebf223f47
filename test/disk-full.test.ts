import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import t from 'tap'
import { goodPassword, query } from './helper.js'
import { post } from './support/process.js'
import { freePort } from './support/cluster.js'

t.test(
  'when a file cannot grow, writing is unavailable and the rest goes on; with room again so does writing, and nothing acknowledged is lost',
  async (t) => {
    const folder = t.testdir()
    const port = String(await freePort())
    // No file of this process may grow beyond 300 KiB: to SQLite that is a full disk.
    const child = spawn(
      'bash',
      [
        '-c',
        'trap "" XFSZ; ulimit -S -f 300; exec env -u NODE_OPTIONS -u NODE_V8_COVERAGE "$0" "$1"',
        process.execPath,
        resolve('dist/main.js'),
      ],
      {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          PORT: port,
          RATE_LIMITS: 'off',
          ARGON2_MEMORY_KIB: '7168',
          ARGON2_PASSES: '5',
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    t.teardown(() => {
      child.kill('SIGKILL')
    })
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        if (String(chunk).includes('Latchkey serves')) resolve()
      })
    })
    const url = `http://localhost:${port}`
    const acknowledged: string[] = []
    const signUp = async () => {
      const email = `${crypto.randomUUID()}@example.org`
      const reply = await post(`${url}/signup`, { email, password: goodPassword })
      if (reply.status === 201) acknowledged.push(email)
      return {
        status: reply.status,
        retry: reply.headers.has('retry-after'),
        body: (await reply.json()) as { code: string; access_token: string },
      }
    }
    const first = await signUp()
    t.equal(first.status, 201)
    const headers = { authorization: `Bearer ${first.body.access_token}` }
    let last = first
    while (last.status === 201) last = await signUp()
    t.match(last, { status: 503, retry: true, body: { code: 'unavailable' } })
    t.match(await signUp(), { status: 503, retry: true, body: { code: 'unavailable' } })
    for (const path of ['/claims', '/me', '/health/ready'])
      t.equal((await fetch(`${url}${path}`, { headers })).status, 200, path)

    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
    for (let i = 0; i < 3; i++) t.equal((await signUp()).status, 201)
    child.kill('SIGKILL')
    await once(child, 'exit')
    t.strictSame(
      (await query(`file:${join(folder, 'data/latchkey.db')}`, 'SELECT email FROM users'))
        .map(({ email }) => String(email))
        .sort(),
      acknowledged.sort(),
    )
  },
)
