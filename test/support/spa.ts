import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { freePort } from './cluster.js'
import { startExample } from './example-app.js'
import { type Server, startServer } from './process.js'
import { startBrowser } from './sites.js'

/** The example page of examples/spa, and a server in a process of its own. */
export interface Spa {
  server: Server
  origin: string
  /** Opens the page in a browser without logins. */
  open: () => Promise<Page>
  /** What the browsers complained of, except the responses that the page asked for. */
  complaints: string[]
  /** Waits for a mail with a link to a path, and returns the newest link. Reads the outbox. */
  linkTo: (email: string, path: string) => Promise<string>
}

/** Starts the server and the example as their READMEs say, with more settings for the server. */
export async function startSpa(t: Test, env: Record<string, string> = {}): Promise<Spa> {
  const origin = `http://localhost:${await freePort()}`
  const folder = t.testdir()
  const server = await startServer(t, folder, { CORS_ORIGINS: origin, APP_URL: origin, ...env })
  const settings = { PORT: new URL(origin).port, LATCHKEY_URL: server.url }
  await startExample(t, 'spa/server.mjs', settings)
  const newContext = await startBrowser(t)
  const complaints: string[] = []
  const read = new Set<string>()
  const outbox = join(folder, 'data/outbox')

  const findLink = async (email: string, path: string) => {
    for (const name of readdirSync(outbox).sort().slice(-10).reverse()) {
      if (read.has(name) || !name.endsWith('.eml')) continue
      const { to, text = '' } = await simpleParser(readFileSync(join(outbox, name)))
      // Text follows the link. Without it, the file is being written.
      const [, link] = new RegExp(`(${origin}${path}#token=[\\w.-]+)\\s+\\S`).exec(text) ?? []
      if ([to].flat()[0]?.text !== email || link === undefined) continue
      read.add(name)
      return link
    }
    return undefined
  }

  return {
    ...{ server, origin, complaints },
    open: async () => {
      const page = await (await newContext()).newPage()
      await page.emulateMedia({ reducedMotion: 'reduce' })
      page.on('console', (message) => {
        const text = message.text()
        if (message.type() === 'error' && !text.startsWith('Failed to load')) complaints.push(text)
      })
      page.on('pageerror', (error) => {
        complaints.push(error.message)
      })
      await page.goto(origin)
      return page
    },
    linkTo: async (email, path) => {
      for (let waited = 0; waited < 10_000; waited += 50) {
        const link = await findLink(email, path).catch(() => undefined)
        if (link !== undefined) return link
        await wait(50)
      }
      throw new Error(`no mail to ${email} with a link to ${path} came`)
    },
  }
}

/** Fills the fields of the view that is shown, by their labels, and sends its form. */
export async function fill(
  page: Page,
  fields: Record<string, string>,
  button: string,
): Promise<void> {
  for (const [label, value] of Object.entries(fields))
    await page.getByLabel(label, { exact: true }).filter({ visible: true }).fill(value)
  await page.getByRole('button', { name: button, exact: true }).click()
}

/** Waits until a view is shown. */
export async function see(page: Page, heading: string): Promise<void> {
  await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
}

/** Waits until the page tells something. */
export async function hear(page: Page, text: string): Promise<void> {
  await page.locator('#status', { hasText: text }).waitFor()
}

/** Clicks a link within the page, and waits for its view. */
export async function go(page: Page, link: string, heading = link): Promise<void> {
  await page.getByRole('link', { name: link }).click()
  await see(page, heading)
}

/** Returns the text that describes a field, as a screen reader reads it. */
export async function describedBy(page: Page, id: string): Promise<string> {
  return String(
    await page.evaluate(`(() => {
      const field = document.getElementById('${id}')
      if (field.getAttribute('aria-invalid') !== 'true') return 'valid'
      return field.getAttribute('aria-describedby').split(' ')
        .map((id) => document.getElementById(id).innerText).join(' ')
    })()`),
  )
}

/** Opens the link of a mail, and shows that its token is gone from the address at once. */
export async function follow(t: Test, page: Page, link: string): Promise<void> {
  await page.goto(link)
  await page.locator('body:not([data-shown="loading"])').waitFor()
  t.equal(page.url(), link.split('#')[0], 'the address has no token')
}
