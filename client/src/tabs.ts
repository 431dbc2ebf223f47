import { sleep } from './storage.js'

/** The other tabs of the same origin that share a storage. */
export interface Tabs {
  /** Tells them something that can be cloned. */
  tell: (news: unknown) => void
  /**
   * Runs the work, unless another tab runs it now. Then waits for news of that tab, at most 2
   * seconds, and runs the work if it is still not done: the other tab may be frozen.
   */
  once: (work: () => Promise<void>, isDone: () => boolean) => Promise<void>
}

/** The longest wait for another tab, in milliseconds. */
const waitMs = 2000

/** Joins the tabs that have a name in common. `hear` gets the news of the others. */
export function joinTabs(name: string, hear: (news: unknown) => Promise<void>): Tabs {
  let wake = () => {}
  let channel: BroadcastChannel | undefined
  try {
    channel = new BroadcastChannel(name)
    channel.onmessage = async ({ data }) => {
      await hear(data)
      wake()
    }
    // In Node.js, an open channel would keep the process running.
    ;(channel as { unref?: () => void }).unref?.()
  } catch {
    // A document without storage, such as a frame with a sandbox, may have no channel.
  }
  return {
    tell: (news) => channel?.postMessage(news),
    once: async (work, isDone) => {
      const news = new Promise<void>((resolve) => {
        wake = resolve
      })
      let isBusy = false
      let result: Promise<void> | undefined
      const workOnce = async () => {
        if (!isDone()) await work()
      }
      // Without locks, or if the browser refuses them, the work runs below.
      await globalThis.navigator?.locks
        ?.request(name, { ifAvailable: true }, async (lock) => {
          isBusy = !lock
          if (lock) await (result = workOnce())
        })
        .catch(() => {})
      if (isBusy) await Promise.race([news, sleep(waitMs)])
      await (result ?? workOnce())
    },
  }
}

/** The tabs of a page that shares nothing. */
export const noTabs: Tabs = {
  tell: () => {},
  once: async (work) => {
    await work()
  },
}
