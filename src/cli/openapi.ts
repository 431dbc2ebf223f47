import { writeFile } from 'node:fs/promises'
import { pino } from 'pino'
import { buildApp } from '../app.js'
import { createServices } from '../services.js'
import { loadConfig } from '../config.js'
import { packageRoot } from '../package-root.js'
import type { Store } from '../store/open-store.js'
import { createKeyRing } from '../keys/key-ring.js'

/**
 * Returns the contract of the shipped application with its default settings, as YAML. It opens
 * no database and listens on no port.
 */
export async function contractYaml(): Promise<string> {
  const unused = {} as never
  const store = { close: async () => {} } as Store
  const ring = createKeyRing([], { publishSeconds: 0, longestTokenSeconds: 0, clock: Date.now })
  const app = buildApp(
    createServices({
      config: loadConfig({}),
      store,
      passwords: unused,
      ring,
      mailer: { close: async () => {} } as never,
      clock: Date.now,
      logger: pino({ level: 'silent' }),
      drain: unused,
    }),
  )
  await app.ready()
  const yaml = app.swagger({ yaml: true })
  await app.close()
  return yaml
}

/** `npm run openapi`: generates openapi.yaml from the routes. */
export async function writeContract(file = new URL('openapi.yaml', packageRoot)): Promise<void> {
  await writeFile(file, await contractYaml())
  console.log('Wrote openapi.yaml')
}
