import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import chromium from '@sparticuz/chromium'
import { type BrowserContext, chromium as browserType, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { buildTestApp, projectFile, type TestApp, type TestOptions } from '../helper.js'

/** The API and pages of other origins, over https, as a browser sees them. */
export interface Sites {
  built: TestApp
  /** The origin of a host: `id` is the API, every other host serves empty pages. */
  originOf: (host: string) => string
  /** Opens an empty page of a host. For `id`, a page of the API. */
  open: (context: BrowserContext, host: string) => Promise<Page>
}

/** The hosts. The first three are one site. */
export const hosts = {
  id: 'id.example.test',
  app: 'app.example.test',
  sibling: 'evil.example.test',
  foreign: 'evil.other.test',
}

/** Flags with which a browser sends no Origin header and isolates nothing: tests prove nothing. */
const unsafeFlags =
  /^--(disable-web-security|disable-site-isolation-trials|single-process|no-zygote|allow-running-insecure-content|disable-features=.*)$/

/** Starts a browser that enforces the same-origin policy and finds every host on this machine. */
export async function startBrowser(t: Test): Promise<() => Promise<BrowserContext>> {
  const browser = await browserType.launch({
    executablePath: process.env.CHROMIUM_PATH ?? (await chromium.executablePath()),
    args: [
      ...chromium.args.filter((flag) => !unsafeFlags.test(flag)),
      '--no-sandbox',
      '--host-resolver-rules=MAP *.test 127.0.0.1',
    ],
  })
  t.teardown(async () => {
    await browser.close()
  })
  return async () => await browser.newContext({ ignoreHTTPSErrors: true })
}

/**
 * Starts the API at `id.example.test` and empty pages at every other host, behind one port with
 * TLS.
 */
export async function startSites(t: Test, options: TestOptions = {}): Promise<Sites> {
  const ports: Record<string, number> = {}
  const pem = await projectFile('test/fixtures/tls.pem')
  const front = createTlsServer({ key: pem, cert: pem }, (socket: TLSSocket) => {
    const port = ports[String(socket.servername)] ?? ports.pages ?? 0
    const back = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [socket, back],
      [back, socket],
    ] as const)
      one.pipe(other).on('error', () => one.destroy())
    socket.on('error', () => back.destroy())
  })
  const pages = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>A page</title>')
  })
  const [port, pagesPort] = [await listen(t, front as unknown as Server), await listen(t, pages)]
  const originOf = (host: string) => `https://${host}:${port}`
  const built = await buildTestApp(t, {
    ...options,
    env: {
      PUBLIC_URL: originOf(hosts.id),
      CORS_ORIGINS: originOf(hosts.app),
      ...options.env,
    },
  })
  built.time.now = Date.now()
  await built.app.listen({ host: '127.0.0.1', port: 0 })
  ports.pages = pagesPort
  ports[hosts.id] = (built.app.server.address() as AddressInfo).port
  return {
    built,
    originOf,
    open: async (context, host) => {
      const page = await context.newPage()
      await page.goto(`${originOf(host)}${host === hosts.id ? '/problems/not_found' : '/'}`)
      return page
    },
  }
}

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections?.()
  })
  return (server.address() as AddressInfo).port
}
