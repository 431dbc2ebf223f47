import t from 'tap'
import { openPage } from '../../support/browser.js'
import { buildTestApp } from '../../helper.js'
import { freePort } from '../../support/cluster.js'

t.test(
  'the page works in a browser, under its content security policy, without outside hosts',
  async (t) => {
    const { app } = await buildTestApp(t)
    const url = await app.listen({ host: '127.0.0.1', port: await freePort() })
    const { page, complaints } = await openPage(t)
    const outside: string[] = []
    page.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) outside.push(request.url().slice(0, 100))
    })

    const visit = await page.goto(`${url}/`)
    t.equal(visit?.url(), `${url}/docs`, 'a browser is led to the page')
    const operation = '#operations-Account-signup'
    await page.click(`${operation} .opblock-summary-control`)
    const answered = page.waitForResponse(`${url}/signup`)
    await page.click(`${operation} .execute`)
    t.equal((await answered).status(), 201, 'the example of the contract makes an account')
    t.match(await page.textContent(`${operation} .live-responses-table`), /access_token/)
    t.strictSame(
      outside.filter((one) => !one.startsWith('data:image/')),
      [],
    )
    t.strictSame(complaints, [])
  },
)
