import chromium from '@sparticuz/chromium'
import { chromium as browserType } from 'playwright-core'
import t, { type Test } from 'tap'
import { freePort } from '../postgres/cluster.js'
import { buildTestApp } from '../helper.js'

t.test('the page works in a browser, under its content security policy, without outside hosts', async (t) => {
  const { app } = await buildTestApp(t as Test)
  const url = await app.listen({ host: '127.0.0.1', port: await freePort() })
  const browser = await browserType.launch({ executablePath: process.env.CHROMIUM_PATH ?? await chromium.executablePath(), args: [...chromium.args, '--no-sandbox'] })
  t.teardown(async () => { await browser.close() })
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()) })
  page.on('pageerror', (error) => { complaints.push(error.message) })
  const outside: string[] = []
  page.on('request', (request) => { if (!request.url().startsWith(`${url}/`)) outside.push(request.url().slice(0, 100)) })

  const visit = await page.goto(`${url}/`)
  t.equal(visit?.url(), `${url}/docs`, 'a browser is led to the page')
  const operation = '#operations-Account-signup'
  await page.click(`${operation} .opblock-summary-control`)
  const answered = page.waitForResponse(`${url}/signup`)
  await page.click(`${operation} .execute`)
  t.equal((await answered).status(), 201, 'the example of the contract makes an account')
  t.match(await page.textContent(`${operation} .live-responses-table`), /access_token/)
  t.strictSame(outside.filter((one) => !one.startsWith('data:image/')), [])
  t.strictSame(complaints, [])
})
