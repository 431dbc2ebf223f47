import chromium from '@sparticuz/chromium'
import { type BrowserContextOptions, chromium as browserType, type Page } from 'playwright-core'
import type { Test } from 'tap'

// With these, a browser sends neither an Origin header nor a preflight.
const unsafe = ['--disable-web-security', '--disable-site-isolation-trials']

/** A page of a real browser, and what it complained of in its console. */
export async function openPage(
  t: Test,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const browser = await browserType.launch({
    executablePath: process.env.CHROMIUM_PATH ?? (await chromium.executablePath()),
    args: [...chromium.args.filter((one) => !unsafe.includes(one)), '--no-sandbox'],
  })
  t.teardown(async () => {
    await browser.close()
  })
  const page = await browser.newPage({ viewport: { width: 390, height: 844 }, ...options })
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => {
    complaints.push(error.message)
  })
  return { page, complaints }
}
