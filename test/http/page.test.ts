import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { buildTestApp } from '../helper.js'
import { openPage } from '../support/browser.js'
import { freePort } from '../support/cluster.js'
import { everyRowIs, rowsOf } from '../support/table.js'

const next = 'seven-green-kettles-whistle'

async function setUp(t: Test, env: Record<string, string> = {}) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const test = await buildTestApp(t, { env: { APP_URL: url, ...env } })
  test.time.now = Date.now()
  await test.app.listen({ host: '127.0.0.1', port })
  const { page, complaints } = await openPage(t)
  const linkIn = async (email: string, subject: string) =>
    /http\S+/.exec((await test.nextMail(email, subject)).text)?.[0] ?? ''
  return { ...test, url, page, complaints, linkIn, says: says(page) }
}

const says = (page: Page) => async (text: string | RegExp) => {
  await page.getByRole('status').filter({ hasText: text }).waitFor()
}

// The contrast of the text of an element with its background (WCAG 2.2 §1.4.3).
const contrast = `(selector) => {
  const channels = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
  const light = (color) => {
    const [r, g, b] = channels(color).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const element = document.querySelector(selector)
  const text = light(getComputedStyle(element ?? document.body).color)
  const back = light(getComputedStyle(document.body).backgroundColor)
  return { ratio: (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05), dark: back < 0.2 }
}`

t.test('every page fits a phone and is readable, light and dark', async (t) => {
  const { page, url } = await setUp(t)
  await page.setViewportSize({ width: 360, height: 740 })
  await everyRowIs(
    t,
    rowsOf([
      '/password/reset#token=x',
      '/password/reset',
      '/password/forgot',
      '/email/verify',
      '/email/resend',
      '/email/change#token=x',
      '/email/undo',
      '/login',
      '/login?reason=renewal_loop',
      '/signup',
      '/problems',
      '/problems/invalid_one_time_token',
    ]),
    { viewport: 'width=device-width,initial-scale=1', width: 360, light: true, dark: true },
    async (path) => {
      await page.goto('about:blank')
      await page.goto(`${url}${path}`)
      const isReadable = async (colorScheme: 'light' | 'dark') => {
        await page.emulateMedia({ colorScheme })
        const found = []
        for (const selector of ['h1', 'a'])
          found.push(
            await page.evaluate<{ ratio: number; dark: boolean }>(`(${contrast})('${selector}')`),
          )
        return found.every(({ ratio, dark }) => ratio >= 4.5 && dark === (colorScheme === 'dark'))
      }
      return {
        viewport: await page.getAttribute('meta[name=viewport]', 'content'),
        width: await page.evaluate('document.documentElement.scrollWidth'),
        light: await isReadable('light'),
        dark: await isReadable('dark'),
      }
    },
    'pages',
  )
})

t.test('a used reset link leads on to a new mail, and that to a new password', async (t) => {
  const { url, page, says, linkIn, signup, call, complaints } = await setUp(t)
  const { user } = await signup()
  await call('POST', '/password/forgot', { body: { email: user.email } })
  const link = await linkIn(user.email, 'Reset')
  for (const text of ['Your password has been changed', 'no longer valid']) {
    await page.goto('about:blank')
    // Relative links must lead to the same place.
    await page.goto(link.replace('#', '/#'))
    t.equal(await page.getByRole('link').count(), 0, 'a link that may work offers no other')
    await page.getByLabel('New password').fill(next)
    await page.getByRole('button').click()
    await says(text)
  }
  await page.getByRole('link', { name: 'Ask for a new mail' }).click()
  await page.waitForURL(`${url}/password/forgot`)
  await page.getByLabel('E-mail address').fill('not an address')
  await page.getByRole('button').click()
  await says('Check what you have entered: it must be an e-mail address.')
  await page.getByLabel('E-mail address').fill(user.email)
  await page.getByRole('button').click()
  await says('a mail with a link is on its way')
  t.equal(await page.getByLabel('E-mail address').isVisible(), false)
  await page.goto(await linkIn(user.email, 'Reset'))
  await page.getByLabel('New password').fill(`${next}-again`)
  await page.getByRole('button').click()
  await says('Your password has been changed')
  t.strictSame(
    complaints.filter((line) => !/status of 400/.test(line)),
    [],
    'the policy lets the pages work',
  )
})

t.test('an expired verification link leads on to a new mail', async (t) => {
  const { url, page, says, linkIn, signup, call, time } = await setUp(t)
  const { user } = await signup()
  const link = await linkIn(user.email, '')
  time.now += 25 * 3_600_000
  await page.goto(link)
  await page.getByRole('button').click()
  await says('no longer valid')
  await page.getByRole('link', { name: 'Ask for a new mail' }).click()
  await page.waitForURL(`${url}/email/resend`)
  await page.getByLabel('E-mail address').fill(user.email)
  await page.getByRole('button').click()
  await says('a mail with a link is on its way')
  await page.goto(await linkIn(user.email, ''))
  await page.getByRole('button').click()
  await says('Your address is confirmed')
  const login = { email: user.email, password: 'brass-lantern-under-the-stair' }
  t.equal((await call('POST', '/login', { body: login })).json().user.email_verified, true)
})

t.test('an incomplete link leads on, and the links work under a path of a proxy', async (t) => {
  const { page, url, says } = await setUp(t)
  // A proxy that takes its path away.
  await page.route('**/auth/**', async (route) => {
    await route.fulfill({
      response: await route.fetch({ url: route.request().url().replace('/auth', '') }),
    })
  })
  for (const [path, target] of [
    ['/password/reset', '/password/forgot'],
    ['/email/verify', '/email/resend'],
    ['/email/undo', '/password/forgot'],
  ] as const) {
    await page.goto(`${url}/auth${path}`)
    await says('incomplete')
    await page.getByRole('link').click()
    await page.waitForURL(`${url}/auth${target}`)
  }
  await page.goto(`${url}/auth/email/change`)
  await says('incomplete')
  t.match(await page.textContent('#again'), /log in and change your e-mail address again/)
})

t.test('a newer link works in the tab of an older one', async (t) => {
  const { page, url, call, signup, linkIn, says } = await setUp(t)
  const { user } = await signup()
  await call('POST', '/password/forgot', { body: { email: user.email } })
  const link = await linkIn(user.email, 'Reset')
  await page.goto(`${url}/password/reset`)
  await says('incomplete')
  // Only the fragment changes, so the browser does not load the page.
  await page.goto(link)
  await page.getByLabel('New password').fill(next)
  await page.getByRole('button').click()
  await says('Your password has been changed')
  t.equal(await page.evaluate('location.href'), `${url}/password/reset`)
})

t.test('a page that meets a limit says to try again later', async (t) => {
  const { page, url, says } = await setUp(t)
  await page.goto(`${url}/password/forgot`)
  for (let index = 0; index < 5; index++) {
    await page.reload()
    await page.getByLabel('E-mail address').fill('ada@example.org')
    await page.getByRole('button').click()
    await says(/on its way|Too many requests\. Please try again later\./)
  }
  await says('Too many requests. Please try again later.')
})
