import { build } from 'esbuild'
import type { BrowserContext, Page, Request } from 'playwright-core'
import type { Test } from 'tap'
import type { TestOptions } from '../helper.js'
import { hosts, type Sites, startBrowser, startSites } from './sites.js'

/** The storages of the client. */
export const storages = ['memory', 'local', 'cookie', 'dpop'] as const
export type Storage = (typeof storages)[number]

/** Pages of the app's origin, each with a client of the API. */
export interface ClientPages {
  sites: Sites
  /** Opens a browser without logins. */
  newContext: () => Promise<BrowserContext>
  /**
   * Opens a page with a client, `window.auth`, that has not been used yet.
   *
   * @param options more options of the client, as JavaScript
   */
  open: (context: BrowserContext, storage: Storage, options?: string) => Promise<Page>
}

/** Returns the client as one script that sets `window.latchkey`. */
export async function bundleClient(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ['client/src/index.ts'],
    bundle: true,
    format: 'iife',
    globalName: 'latchkey',
    write: false,
    target: 'es2022',
  })
  return `${outputFiles[0]?.text ?? ''}\nglobalThis.latchkey = latchkey`
}

/** Starts the API and a browser that knows the client. */
export async function startClientPages(t: Test, options: TestOptions = {}): Promise<ClientPages> {
  const sites = await startSites(t, options)
  const newContext = await startBrowser(t)
  const script = await bundleClient()
  const url = sites.originOf(hosts.id)
  return {
    sites,
    newContext: async () => {
      const context = await newContext()
      await context.addInitScript(script)
      return context
    },
    open: async (context, storage, more = '') => {
      const page = await sites.open(context, hosts.app)
      await makeClient(page, url, storage, more)
      return page
    },
  }
}

/** Creates `window.auth` in a page, and counts what `onchange` tells in `window.changes`. */
export async function makeClient(
  page: Page,
  url: string,
  storage: Storage,
  more = '',
): Promise<void> {
  await page.evaluate(`
    window.auth = latchkey.createLatchkey({ url: '${url}', storage: '${storage}', ${more} })
    window.changes = []
    auth.onchange((user, reason) => changes.push([user && user.email, reason && reason.code]))
    window.failed = (promise) => promise.then(() => 'no error', (error) => {
      if (!(error instanceof latchkey.LatchkeyError)) throw error
      return error.code
    })
    undefined`)
}

/** Records the requests of a page or context to paths of the API, as "METHOD /path". */
export function recordCalls(source: Page | BrowserContext, origin: string): string[] {
  const calls: string[] = []
  source.on('request', (request: Request) => {
    const url = request.url()
    if (url.startsWith(origin) && request.method() !== 'OPTIONS')
      calls.push(`${request.method()} ${url.slice(origin.length)}`)
  })
  return calls
}
