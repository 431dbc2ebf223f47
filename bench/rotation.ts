// Rotates keys under load, on two servers that share a key file and a database. `npm run bench --
// rotation --now` breaks the promise on purpose, to show that the bench detects it.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadDuringRotations } from './rotation-load.js'
import { freePort, main, startServer } from './server.js'

const publishSeconds = 10
const rotations = 60

/**
 * Prints the table.
 *
 * @param args options for `keys rotate`
 */
export async function run(args: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const settings = {
    PUBLIC_URL: `http://localhost:${await freePort()}`,
    KEY_PUBLISH_SECONDS: String(publishSeconds),
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'info',
  }
  const servers = [await startServer(folder, settings), await startServer(folder, settings)]
  const rotate = async () => {
    await promisify(execFile)(process.execPath, [main, 'keys', 'rotate', ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...settings },
    })
  }
  try {
    const { byStatus, rejections, lost, ...figures } = await loadDuringRotations({
      urls: servers.map(({ url }) => url),
      rotate,
      rotations,
      everyMilliseconds: 2000,
      settleMilliseconds: (publishSeconds + 2) * 1000,
      perSecond: 300,
    })
    console.table({
      rotations,
      'rejected valid tokens': rejections.length,
      ...byStatus,
      ...figures,
    })
    for (const line of [...rejections, ...lost].slice(0, 10)) console.log(line)
  } finally {
    await Promise.all(
      servers.map(async ({ stop }) => {
        await stop()
      }),
    )
    rmSync(folder, { recursive: true })
  }
}
