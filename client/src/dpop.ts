import { LatchkeyError } from './error.js'
import { isReplaced, type Keep, type Login } from './storage.js'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }

/** Some browsers have opened a database that never responded. */
const openMs = 3000

const unavailable = (cause?: unknown) =>
  new LatchkeyError('storage_unavailable', 'IndexedDB cannot keep the key.', { cause })

/** A {@link Keep} that also creates the key of a login. */
export interface KeepWithKey extends Keep {
  /**
   * Creates a key, and shows that this browser can keep it, before a password is sent.
   *
   * @throws LatchkeyError `insecure_context`, `storage_unavailable`
   */
  createKey: () => Promise<CryptoKeyPair>
}

/**
 * Keeps the login and its key in one record of IndexedDB. The browser uses the private key, and
 * never shows it to a script. Every method throws LatchkeyError `storage_unavailable`; `read`
 * also if the key is gone, and with it the login.
 */
export function keepInDatabase(name: string): KeepWithKey {
  const write: Keep['write'] = async (login) => {
    await withStore((store) => store.put(login, name))
  }
  return {
    read: async () => {
      const login = (await withStore((store) => store.get(name))) as Kept
      if (!login || login.key?.privateKey) return login
      await write(null)
      throw unavailable()
    },
    write,
    renew: async (login) => {
      let kept: Kept
      await withStore((store) => {
        const request = store.get(name) as IDBRequest<Kept>
        request.onsuccess = () => {
          kept = request.result
          if (!isReplaced(kept, login)) store.put((kept = login), name)
        }
        return request
      })
      return kept
    },
    createKey: async () => {
      if (!globalThis.isSecureContext)
        throw new LatchkeyError('insecure_context', '"dpop" needs https or localhost.')
      const key = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
      // In one transaction, for another tab may do the same now.
      const kept = (await withStore((store) => {
        store.put(key, name + ':trial')
        const request = store.get(name + ':trial')
        store.delete(name + ':trial')
        return request
      })) as CryptoKeyPair | undefined
      if (!kept?.privateKey) throw unavailable()
      return key
    },
  }
}

type Kept = Login | null | undefined

/** A request that a proof is for. */
export interface Proven {
  method: string
  url: string
  /** The access token; undefined where tokens are issued. */
  access?: string | undefined
  /** The last nonce of the server, if it has sent one. */
  nonce?: string | undefined
}

/** Returns a DPoP proof (RFC 9449 §4.2). The server does not look at `iat`. */
export async function prove(
  { privateKey, publicKey }: CryptoKeyPair,
  { method, url, access, nonce }: Proven,
): Promise<string> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
  const { origin, pathname } = new URL(url)
  const parts = [
    { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } },
    {
      jti: crypto.randomUUID(),
      htm: method,
      htu: origin + pathname,
      iat: Math.floor(Date.now() / 1000),
      nonce,
      ath: access && encode(await crypto.subtle.digest('SHA-256', bytesOf(access))),
    },
  ].map((part) => encode(bytesOf(JSON.stringify(part))))
  const signed = parts.join('.')
  const signature = await crypto.subtle.sign(
    { ...algorithm, hash: 'SHA-256' },
    privateKey,
    bytesOf(signed),
  )
  return `${signed}.${encode(signature)}`
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

const encode = (bytes: ArrayBuffer | Uint8Array): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/** Runs a request in a transaction of its own. The database is open only as long. */
async function withStore(use: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  try {
    const database = await open()
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction('logins', 'readwrite')
        const request = use(transaction.objectStore('logins'))
        transaction.oncomplete = () => resolve(request.result)
        transaction.onabort = () => reject(transaction.error ?? Error())
      })
    } finally {
      database.close()
    }
  } catch (cause) {
    throw unavailable(cause)
  }
}

async function open(): Promise<IDBDatabase> {
  return await new Promise((resolve, reject) => {
    const request = indexedDB.open('latchkey')
    request.onupgradeneeded = () => request.result.createObjectStore('logins')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? Error())
    setTimeout(reject, openMs)
  })
}
