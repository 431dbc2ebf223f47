import type { BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import { goodPassword } from '../helper.js'
import { type ClientPages, startClientPages, type Storage } from './client-page.js'
import { hosts } from './sites.js'

/** Tabs of one browser, and the replies of the server that they wait for. */
export interface ClientTabs {
  pages: ClientPages
  /** The origin of the API. */
  api: string
  /** JavaScript that resolves to the status of GET /me. */
  me: string
  /** JavaScript that resolves to the address that GET /me shows. */
  whoIs: string
  /** Opens tabs of a new browser, with a clock that the test moves. */
  openTabs: (storage: Storage, count: number) => Promise<[BrowserContext, Page[]]>
  /** Holds the replies of POST /refresh back, until `go` is called. One resolves `isHere`. */
  holdRefreshes: () => { isHere: Promise<void>; go: () => void }
}

/** JavaScript that logs in. */
export const logIn = (email: string): string =>
  `auth.login(${JSON.stringify({ email, password: goodPassword })})`

/** Waits until an expression is true in a page. */
export const until = async (page: Page, script: string) =>
  await page.waitForFunction(script, undefined, { polling: 20 })

/** Starts the API, and a browser for tabs. */
export async function startClientTabs(t: Test): Promise<ClientTabs> {
  let held: Promise<void> | null = null
  let arrived = () => {}
  const pages = await startClientPages(t, {
    env: { RATE_LIMITS: 'off' },
    beforeReady: (app) => {
      app.addHook('onSend', async ({ url }) => {
        if (url !== '/refresh' || held === null) return
        arrived()
        await held
      })
    },
  })
  const api = pages.sites.originOf(hosts.id)
  return {
    pages,
    api,
    me: `auth.fetch('${api}/me').then((reply) => reply.status)`,
    whoIs: `auth.fetch('${api}/me').then((reply) => reply.json()).then(({ email }) => email)`,
    openTabs: async (storage, count) => {
      const context = await pages.newContext()
      await context.clock.install()
      const tabs: Page[] = []
      for (let index = 0; index < count; index += 1) tabs.push(await pages.open(context, storage))
      return [context, tabs]
    },
    holdRefreshes: () => {
      let go = () => {}
      held = new Promise<void>((resolve) => {
        go = () => {
          held = null
          resolve()
        }
      })
      const isHere = new Promise<void>((resolve) => {
        arrived = resolve
      })
      return { isHere, go: () => go() }
    },
  }
}
