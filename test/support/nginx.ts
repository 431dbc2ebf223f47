import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Addresses, proxyFolder, startProxy } from './forward-auth.js'

const example = new URL('../../examples/behind-nginx/', import.meta.url).pathname

/**
 * Starts nginx with the configuration of `examples/behind-nginx`, in a folder of its own. Only
 * the addresses differ. Returns false, and says so, where nginx is not installed.
 */
export async function startNginx(
  t: Test,
  { port, latchkeyPort, appPort }: Addresses,
): Promise<boolean> {
  const folder = proxyFolder(t, 'nginx')
  if (folder === null) return false
  cpSync(example, folder, { recursive: true })
  const text = readFileSync(join(example, 'latchkey.conf'), 'utf8')
    .replace('127.0.0.1:3000', `127.0.0.1:${latchkeyPort}`)
    .replace('127.0.0.1:4000', `127.0.0.1:${appPort}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${port}`)
  writeFileSync(join(folder, 'latchkey.conf'), text)
  await startProxy(t, {
    program: 'nginx',
    args: ['-e', 'stderr', '-p', folder, '-c', 'nginx.conf'],
    folder,
    port,
  })
  return true
}
