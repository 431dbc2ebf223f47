import type { Page } from 'playwright-core'
import t from 'tap'
import { goodPassword } from '../helper.js'
import { storages } from '../support/client-page.js'
import { describedBy, fill, follow, go, hear, see, startSpa } from '../support/spa.js'

const names = { memory: 'Memory', local: 'Local storage', cookie: 'Cookie', dpop: 'DPoP' }
const passwords = {
  first: goodPassword,
  second: `${goodPassword}-2`,
  third: `${goodPassword}-3`,
  fourth: `${goodPassword}-4`,
}

async function openMenu(page: Page, name: string): Promise<void> {
  const group = page.locator('details', { has: page.locator('summary', { hasText: name }) })
  if ((await group.first().getAttribute('open')) === null)
    await group.first().locator('summary').click()
}

const spa = await startSpa(t, { RATE_LIMITS: 'off' })

for (const storage of storages)
  t.test(`every flow of the example with the storage ${storage}`, async (t) => {
    const page = await spa.open()
    const [email, newEmail] = [`${storage}@example.org`, `${storage}@new.example.org`]
    const isKept = storage !== 'memory'
    const login = async (address: string, password: string) => {
      await see(page, 'Log in')
      await fill(page, { 'E-mail': address, Password: password }, 'Log in')
      await see(page, 'Your account')
    }

    await page.getByRole('radio', { name: names[storage] }).check()
    await go(page, 'Create an account')
    await fill(page, { 'E-mail': email, Password: storage }, 'Create account')
    await page.locator('#signup-password[aria-invalid]').waitFor()
    const described = await describedBy(page, 'signup-password')
    t.match(described, 'Choose a stronger password.')
    t.match(described, 'It is too short.')
    t.match(described, 'Use at least 8 characters.', 'the advice of the server')
    t.equal(await page.evaluate('document.activeElement.id'), 'signup-password')
    await fill(page, { Password: passwords.first }, 'Create account')
    await see(page, 'Your account')
    t.match(await page.locator('.hello').innerText(), 'not confirmed')

    await follow(t, page, await spa.linkTo(email, '/email/verify'))
    await see(page, 'Confirm your e-mail address')
    await page.getByRole('button', { name: 'Confirm' }).click()
    await hear(page, 'Your address is confirmed.')
    if (!isKept) await login(email, passwords.first)
    await see(page, 'Your account')
    t.match(await page.locator('#account-state').innerText(), /^confirmed/)

    await fill(page, { Name: 'Ada' }, 'Save')
    await hear(page, 'Your name was saved.')
    await page.getByRole('button', { name: 'Get my claims' }).click()
    const claims = JSON.parse(await page.getByLabel('Claims').innerText())
    t.equal(claims.iss, spa.server.url)
    t.equal('cnf' in claims, storage === 'dpop')

    await openMenu(page, 'Password')
    const change = { 'Current password': 'wrong', 'New password': passwords.second }
    await fill(page, change, 'Change the password')
    await page.locator('#current-password[aria-invalid]').waitFor()
    t.equal(await describedBy(page, 'current-password'), 'This password is wrong.')
    await fill(page, { 'Current password': passwords.first }, 'Change the password')
    await hear(page, 'Your password was changed.')

    await openMenu(page, 'E-mail address')
    const move = { 'New e-mail address': newEmail, Password: passwords.second }
    await fill(page, move, 'Change the address')
    await hear(page, `Open the link in the mail to ${newEmail}.`)
    await follow(t, page, await spa.linkTo(newEmail, '/email/change'))
    await see(page, 'Confirm your new e-mail address')
    await fill(page, isKept ? {} : { Password: passwords.second }, 'Confirm')
    await hear(page, 'Your new address is confirmed.')
    if (!isKept) await login(newEmail, passwords.second)
    t.match(await page.locator('#account-email').innerText(), newEmail)

    await page.reload()
    await see(page, isKept ? 'Your account' : 'Log in')
    if (!isKept) await login(newEmail, passwords.second)
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    await hear(page, 'You are logged out.')
    await page.reload()
    await login(newEmail, passwords.second)
    await page.getByRole('button', { name: 'Log out everywhere' }).click()
    await hear(page, 'You are logged out on every device.')

    await follow(t, page, await spa.linkTo(email, '/email/undo'))
    await see(page, 'Take your account back')
    await page.getByRole('button', { name: 'Take the account back' }).click()
    await see(page, 'Choose a new password')
    await fill(page, { 'New password': passwords.third }, 'Change the password')
    await hear(page, 'Your password was changed.')
    await login(email, passwords.third)
    await page.getByRole('button', { name: 'Log out', exact: true }).click()

    await go(page, 'Forgot your password?')
    await fill(page, { 'E-mail': email }, 'Send the link')
    await hear(page, `If ${email} has an account, a mail is on its way.`)
    await follow(t, page, await spa.linkTo(email, '/password/reset'))
    await fill(page, { 'New password': passwords.fourth }, 'Change the password')
    await login(email, passwords.fourth)

    await openMenu(page, 'Delete the account')
    await fill(page, { Password: passwords.fourth }, 'Delete my account')
    await hear(page, 'Your account was deleted.')
    await fill(page, { 'E-mail': email, Password: passwords.fourth }, 'Log in')
    const alert = page.getByRole('alert')
    await alert.waitFor()
    t.equal(await alert.innerText(), 'The e-mail address or the password is wrong.')
    await page.context().close()
    t.strictSame(spa.complaints, [], 'no fault, and nothing against the policy')
  })
