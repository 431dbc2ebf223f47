import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { projectFile } from '../helper.js'
import { type Addresses, proxyFolder, startProxy } from './forward-auth.js'

/**
 * Starts Caddy with the example of docs/behind-a-proxy.md. Only the addresses differ. Returns
 * false, and says so, where Caddy is not installed.
 */
export async function startCaddy(
  t: Test,
  { port, latchkeyPort, appPort }: Addresses,
): Promise<boolean> {
  const folder = proxyFolder(t, 'caddy')
  if (folder === null) return false
  const [, site = ''] =
    /```caddyfile\n([^]*?)```/.exec(await projectFile('docs/behind-a-proxy.md')) ?? []
  const text = site
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${latchkeyPort}`)
    .replaceAll('127.0.0.1:4000', `127.0.0.1:${appPort}`)
    .replace('http://localhost:8080 {', `http://:${port} {\n\tbind 127.0.0.1`)
  writeFileSync(join(folder, 'Caddyfile'), `{\n\tadmin off\n}\n${text}`)
  const args = ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile']
  await startProxy(t, { program: 'caddy', args, folder, port })
  return true
}
