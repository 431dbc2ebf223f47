import type { Logger } from 'pino'
import type { buildApp } from './app.js'
import type { Config } from './config.js'
import { loadKeyFile } from './keys/key-file.js'
import type { KeyRing } from './keys/key-ring.js'
import { watchKeyFile } from './keys/key-watch.js'
import { KeyRingError, parseKeys, type SigningKey } from './keys/signing-key.js'

/** Reads the keys of the settings. Throws KeyRingError if they cannot be used. */
export async function loadKeys({ KEYS, KEYS_FILE }: Config): Promise<SigningKey[]> {
  return KEYS === '' ? await loadKeyFile(KEYS_FILE, Date.now) : await parseKeys(KEYS, 'KEYS')
}

/** Reloads the key file when it changes, or on SIGHUP, until the application closes. */
export async function followKeys(
  config: Config,
  keys: SigningKey[],
  ring: KeyRing,
  app: ReturnType<typeof buildApp>,
  logger: Logger,
): Promise<void> {
  const file = config.KEYS_FILE
  if (config.KEYS !== '') {
    process.on('SIGHUP', () => {
      logger.warn('SIGHUP: KEYS cannot be reloaded; restart with the changed setting')
    })
    return
  }
  const watch = watchKeyFile(file, keys, {
    changed: (keys) => {
      ring.replace(keys)
      logger.info(
        { event: 'keys.changed', keys: keys.length, signs: ring.signingKey().kid },
        'keys reloaded',
      )
    },
    failed: (error) => {
      if (error instanceof KeyRingError)
        logger.error(`${error.message} Until this is fixed, the previous keys stay in use.`)
      else logger.error({ err: error }, 'keys not reloaded: the previous keys stay in use')
    },
  })
  process.on('SIGHUP', () => {
    void watch.reload()
  })
  app.addHook('onClose', async () => {
    watch.stop()
  })
}
