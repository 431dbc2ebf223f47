// Screenshots are written to the folder of this test, or to SCREENSHOTS. The picture of the README
// is made again with: SCREENSHOTS=docs/shots npm run test:one test/examples/spa-look.test.ts
// && mv docs/shots/login-desktop-light.png docs/spa.png && rm -r docs/shots
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { goodPassword } from '../helper.js'
import { fill, follow, go, hear, see, startSpa } from '../support/spa.js'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const folder = process.env.SCREENSHOTS ?? join(t.testdir({ shots: {} }), 'shots')
mkdirSync(folder, { recursive: true })

const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1100, height: 720 } }
const schemes = ['light', 'dark'] as const

interface Violation {
  id: string
  nodes: Array<{ html: string; failureSummary: string }>
}

/** Checks a state of the page on a phone and a desktop, light and dark. */
async function look(t: Test, page: Page, state: string): Promise<void> {
  for (const [size, viewport] of Object.entries(sizes))
    for (const colorScheme of schemes) {
      const name = `${state}-${size}-${colorScheme}`
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      // An animation or a transition has other colours on its way.
      await page.evaluate(
        'Promise.allSettled(document.getAnimations().map(({ finished }) => finished))',
      )
      const { violations } = await page.evaluate<{ violations: Violation[] }>('axe.run()')
      const found = violations.map(({ id, nodes }) => [
        id,
        nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
      ])
      t.strictSame(found, [], `axe: ${name}`)
      const wider = 'document.documentElement.scrollWidth - innerWidth'
      t.ok(Number(await page.evaluate(wider)) <= 0, `nothing is cut off: ${name}`)
      const path = join(folder, `${name}.png`)
      await page.screenshot({ path, fullPage: size === 'phone' })
      t.ok(statSync(path).size > 5000, `a picture: ${name}`)
    }
}

t.test('every state of the example is accessible', async (t) => {
  const spa = await startSpa(t, { RATE_LIMITS: 'off' })
  const page = await spa.open()
  await page.context().addInitScript(axe)
  await page.reload()
  const email = 'ada@example.org'

  await see(page, 'Log in')
  await look(t, page, 'login')
  await fill(page, { 'E-mail': email, Password: 'wrong' }, 'Log in')
  await page.getByRole('alert').waitFor()
  await look(t, page, 'login-error')
  await go(page, 'Forgot your password?')
  await look(t, page, 'forgot')
  await page.goto(spa.origin)
  await go(page, 'Create an account')
  await fill(page, { 'E-mail': email, Password: 'lantern' }, 'Create account')
  await page.locator('#signup-password[aria-invalid]').waitFor()
  await look(t, page, 'signup-weak')
  await page.getByRole('button', { name: 'Show password' }).filter({ visible: true }).click()
  const name = page.getByLabel('Name (optional)')
  await name.fill('Ada Lovelace')
  await fill(page, { Password: goodPassword }, 'Create account')
  await see(page, 'Your account')
  await page.getByRole('button', { name: 'Get my claims' }).click()
  await page.getByLabel('Claims').waitFor()
  await look(t, page, 'account')
  await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
  await fill(page, {}, 'Delete my account')
  await page.locator('#delete-password[aria-invalid]').waitFor()
  await look(t, page, 'account-open')

  await follow(t, page, await spa.linkTo(email, '/email/verify'))
  await look(t, page, 'verify')
  for (const [path, heading] of [
    ['/password/reset', 'Choose a new password'],
    ['/email/change', 'Confirm your new e-mail address'],
    ['/email/undo', 'Take your account back'],
  ] as const) {
    await page.goto(`${spa.origin}${path}#token=nonsense`)
    await see(page, heading)
    await look(t, page, path.slice(1).replace('/', '-'))
  }
  await page.getByRole('button', { name: 'Take the account back' }).click()
  await page.getByRole('alert').waitFor()
  await look(t, page, 'link-error')
  await page.goto(`${spa.origin}/email/verify`)
  await see(page, 'Open the link again')
  await look(t, page, 'broken-link')

  await page.goto(spa.origin)
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await hear(page, 'You are logged out.')
  await look(t, page, 'logged-out')
  t.strictSame(spa.complaints, [])
})

t.test('the page works with the keyboard alone', async (t) => {
  const spa = await startSpa(t, { SIGNUP_MODE: 'verify_first', RATE_LIMITS: 'off' })
  const page = await spa.open()
  await page.context().addInitScript(axe)
  await page.reload()
  await see(page, 'Log in')
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }
  const focused = async () => await page.evaluate('document.activeElement.innerText')
  // The brand, two fields with a button, the button of the form, a link, the link.
  await press('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Enter')
  await see(page, 'Create an account')
  t.equal(await focused(), 'Create an account', 'the heading has the focus')
  await press('Tab')
  await page.keyboard.type('Ada')
  await press('Tab')
  await page.keyboard.type('ada@example.org')
  await press('Tab')
  await page.keyboard.type(goodPassword)
  await press('Enter')
  await see(page, 'Check your mail')
  t.equal(await focused(), 'Check your mail')
  await look(t, page, 'check-your-mail')
})

t.test('people who want less motion get none', async (t) => {
  const spa = await startSpa(t)
  const page = await spa.open()
  await see(page, 'Log in')
  const animation = "getComputedStyle(document.querySelector('.card')).animationName"
  t.equal(await page.evaluate(animation), 'none')
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  t.equal(await page.evaluate(animation), 'arrive', 'others see it')
})
