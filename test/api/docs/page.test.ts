import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { openPage } from '../../support/browser.js'
import { buildTestApp } from '../../helper.js'
import { freePort } from '../../support/cluster.js'

const signup = '#operations-Account-signup'
const readMe = '#operations-Account-readMe'

// PUBLIC_URL is another name of the same server.
async function serve(t: Test) {
  const { app, time } = await buildTestApp(t)
  time.now = Date.now()
  return await app.listen({ host: '127.0.0.1', port: await freePort() })
}

async function execute(page: Page, operation: string, path: string): Promise<number> {
  await page.click(`${operation} .opblock-summary-control`)
  const answered = page.waitForResponse((reply) => reply.url().endsWith(path))
  await page.click(`${operation} .execute`)
  const reply = await answered
  await page.waitForSelector(`${operation} .live-responses-table`)
  return reply.status()
}

t.test(
  'the page works in a browser, under its content security policy, without outside hosts',
  async (t) => {
    const url = await serve(t)
    const { page, complaints } = await openPage(t)
    const outside: string[] = []
    page.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) outside.push(request.url().slice(0, 100))
    })

    const visit = await page.goto(`${url}/`)
    t.equal(visit?.url(), `${url}/docs`, 'a browser is led to the page')
    t.equal(
      await execute(page, signup, '/signup'),
      201,
      'the example of the contract makes an account',
    )
    t.match(await page.textContent(`${signup} .live-responses-table`), /access_token/)
    t.strictSame(
      outside.filter((one) => !one.startsWith('data:image/')),
      [],
    )
    t.strictSame(complaints, [])
  },
)

t.test('the page fits a phone, and keeps the token over a reload', async (t) => {
  const url = await serve(t)
  const { page } = await openPage(t)
  await page.setViewportSize({ width: 360, height: 740 })
  const fits = async (what: string) => {
    t.equal(
      await page.evaluate('document.documentElement.scrollWidth'),
      360,
      `${what}: no horizontal scrolling`,
    )
  }
  await page.goto(`${url}/docs`)
  await page.waitForSelector(signup)
  t.equal(
    await page.getAttribute('meta[name=viewport]', 'content'),
    'width=device-width,initial-scale=1',
    'a phone does not show a small picture of a wide page',
  )
  await fits('the list')
  await execute(page, signup, '/signup')
  await fits('a reply')
  const reply = await page.textContent(`${signup} .live-responses-table .highlight-code`)
  const [, token = ''] = /"access_token": "([^"]+)"/.exec(String(reply)) ?? []
  await page.click('.btn.authorize')
  await page.fill('.auth-container input', token)
  await fits('the dialog')
  await page.click('.auth-container .authorize')

  await page.reload()
  await page.waitForSelector(readMe)
  t.equal(await execute(page, readMe, '/me'), 200, 'the token is still there')
  await page.click('#operations-Operation-explainProblem .opblock-summary-control')
  await fits('a route with parameters')
})
