import { build } from 'esbuild'
import type { BrowserContext, Page, Request } from 'playwright-core'
import type { Test } from 'tap'
import { goodPassword, type TestOptions } from '../helper.js'
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

/** Signs a new person up in a page with a client, and returns the address. */
export async function signUp(page: Page, email: string): Promise<string> {
  await page.evaluate(`auth.signup(${JSON.stringify({ email, password: goodPassword })})`)
  return email
}

/** Returns the result of a JavaScript expression in a page. */
export async function run<T = unknown>(page: Page, script: string): Promise<T> {
  return await page.evaluate<T>(script)
}

/**
 * Returns the code with which a promise of a page is rejected, or "no error". Rejects for an
 * error that is not the client's.
 */
export async function failure(page: Page, promise: string): Promise<string> {
  return await page.evaluate<string>(`failed(${promise})`)
}

/** Responds to requests of a page for a path of the API, instead of the server. */
export async function respond(
  page: Page | BrowserContext,
  url: string,
  response: { status: number; body?: string; headers?: Record<string, string> } | 'away',
): Promise<void> {
  await page.unroute(url)
  await page.route(url, async (route) => {
    if (response === 'away') return await route.abort('connectionrefused')
    const origin = (await route.request().headerValue('origin')) ?? ''
    await route.fulfill({
      contentType: 'application/problem+json',
      ...response,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'retry-after, dpop-nonce',
        ...response.headers,
      },
    })
  })
}

/** A problem of the server as text. */
export const problemText = (status: number, code: string): string =>
  JSON.stringify({ type: `/problems/${code}`, title: code, status, code, request_id: '1' })
