import t from 'tap'
import { openPage } from '../../support/browser.js'
import { buildTestApp, goodPassword } from '../../helper.js'
import { freePort } from '../../support/cluster.js'

const next = 'seven-green-kettles-whistle'

t.test('the page of a reset link, in a browser, as on a phone', async (t) => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { app, call, signup, nextMail, logText, time } = await buildTestApp(t, {
    env: { APP_URL: url },
  })
  time.now = Date.now()
  await app.listen({ host: '127.0.0.1', port })
  const { user } = await signup()
  await call('POST', '/password/forgot', {
    body: { email: user.email },
    headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' },
  })
  const { text, html } = await nextMail(user.email, 'Reset')
  const [link = ''] = /http\S+/.exec(text) ?? []
  t.ok(link.startsWith(`${url}/password/reset#token=eyJ`), 'the link leads where the settings say')
  t.notMatch(text + html, /evil/)

  const { page, complaints } = await openPage(t)
  const asked: string[] = []
  page.on('request', (request) => {
    asked.push(`${request.method()} ${request.url()} ${String(request.headers().referer)}`)
  })
  await page.goto(link)
  t.equal(page.url(), `${url}/password/reset`, 'the token has left the address bar')
  t.equal(await page.evaluate('history.length <= 2'), true)
  t.equal(
    await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
    true,
    'nothing hangs over',
  )
  t.equal(await page.getByLabel('New password').getAttribute('autocomplete'), 'new-password')
  await page.getByLabel('New password').fill('password1')
  await page.getByRole('button').click()
  await page
    .getByRole('status')
    .filter({ hasText: /common/ })
    .waitFor()
  t.equal(
    (await call('POST', '/login', { body: { email: user.email, password: goodPassword } }))
      .statusCode,
    200,
    'looking and failing change nothing',
  )
  await page.getByLabel('New password').fill(next)
  await page.getByRole('button').click()
  await page.getByRole('status').filter({ hasText: 'Your password has been changed' }).waitFor()
  t.equal(await page.getByLabel('New password').isVisible(), false)
  t.equal(
    (await call('POST', '/login', { body: { email: user.email, password: next } })).statusCode,
    200,
  )

  await page.goto('about:blank')
  await page.goto(link)
  await page.getByLabel('New password').fill(goodPassword)
  await page.getByRole('button').click()
  await page.getByRole('status').filter({ hasText: 'no longer valid' }).waitFor()
  await page.goto('about:blank')
  await page.goto(`${url}/password/reset`)
  await page.getByRole('status').filter({ hasText: 'incomplete' }).waitFor()

  t.notOk(
    asked.some((line) => line.includes('eyJ')),
    'no token in any address or Referer',
  )
  t.notOk(logText().includes('eyJ'))
  t.strictSame(
    complaints.filter((line) => !/status of 4(00|22)/.test(line)),
    [],
    'its policy lets the page work',
  )
})

t.test('GET /password/reset', async (t) => {
  const { call } = await buildTestApp(t)
  const reply = await call('GET', '/password/reset?token=x')
  t.equal(reply.statusCode, 200)
  t.match(reply.headers, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
  })
  t.match(
    reply.headers['content-security-policy'],
    /^default-src 'none';script-src 'sha256-[\w+/=]{44}';style-src 'sha256-[\w+/=]{44}';connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'$/,
  )
  t.notMatch(reply.body, /https?:|\son\w+=|style=/)
})
