// One client for each storage that was chosen, so that the switch works without a reload. An app
// has one storage, and one line: export const auth = createLatchkey({ url, storage: 'dpop' })
import { createLatchkey } from 'latchkey-client'

/** The PUBLIC_URL of Latchkey. The server of this page writes it into the page. */
export const api = document.querySelector('meta[name="latchkey-url"]').content

const place = 'latchkey-example-storage'
const clients = {}
let off = () => {}

/** The client in use. */
export let auth

/** The storage in use. */
export let storage

/** Uses the storage of the last visit, or `dpop`. */
export function restoreStorage(listener) {
  let last = null
  try {
    last = localStorage.getItem(place)
  } catch {
    // A browser may refuse localStorage.
  }
  useStorage(['memory', 'local', 'cookie', 'dpop'].includes(last) ? last : 'dpop', listener)
}

/** Uses a storage. The listener is called at once, and when its user changes. */
export function useStorage(name, listener) {
  off()
  storage = name
  auth = clients[name] ??= createLatchkey({ url: api, storage: name })
  off = auth.onchange(listener, { immediate: true })
  try {
    localStorage.setItem(place, name)
  } catch {
    // Then the choice lasts as long as the page.
  }
}
