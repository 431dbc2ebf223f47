import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage } from './support/browser.js'
import { freshDatabase, goodPassword, onEachDatabase } from './helper.js'
import { runMain, startServer } from './support/process.js'
import { startSmtp } from './support/smtp.js'

const next = 'seven-green-kettles-whistle'
const third = 'copper-pots-beneath-the-eaves'
const [ada, lovelace] = ['ada@example.org', 'lovelace@example.org']

/**
 * Opens the link of a mail on its page, does there what a person would, and keeps a picture of
 * the end.
 */
type Follow = (link: string, act: (page: Page) => Promise<void>, says: string) => Promise<void>

function follower(page: Page, folder: string): Follow {
  let pictures = 0
  return async (link, act, says) => {
    await page.goto('about:blank')
    await page.goto(link)
    await act(page)
    await page.getByRole('status').filter({ hasText: says }).waitFor()
    await page.screenshot({
      path: join(folder, `${++pictures}${new URL(link).pathname.replaceAll('/', '-')}.png`),
    })
  }
}

const press = async (page: Page) => {
  await page.getByRole('button').click()
}

const { page, complaints } = await openPage(t)

await onEachDatabase(t, async (t, database) => {
  const smtp = await startSmtp(t)
  const folder = t.testdir()
  const pictures = join('.tap', 'pictures', database)
  mkdirSync(pictures, { recursive: true })
  const env = {
    DATABASE_URL: await freshDatabase(t, database),
    SMTP_URL: smtp.url,
    MAIL_FROM: 'Door <door@example.net>',
    RATE_LIMITS: 'off',
  }
  t.equal((await runMain(t, folder, { env, args: ['migrate'] })).code, 0)
  const server = await startServer(t, folder, env)
  const follow = follower(page, pictures)
  const send = async (
    method: string,
    path: string,
    { body, token }: { body?: object; token?: string } = {},
  ) => {
    const reply = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    return {
      status: reply.status,
      json: (text === '' ? {} : JSON.parse(text)) as Record<string, string> & {
        user: { id: string; email: string; email_verified: boolean }
      },
    }
  }
  const login = async (email: string, password: string) =>
    await send('POST', '/login', { body: { email, password } })
  /** The link of a mail as its receiver sees it: the same in both parts. */
  const linkIn = async (to: string, subject: string) => {
    const { mail, to: receivers, from } = await smtp.nextMail(to, subject)
    t.strictSame([receivers, from], [[to], 'door@example.net'])
    const [link = ''] = /http\S+/.exec(mail.text ?? '') ?? []
    t.ok(
      link.startsWith(`${server.url}/`) && String(mail.html).includes(`href="${link}"`),
      `${subject}: a link to ${new URL(link).pathname}`,
    )
    return link
  }

  const { status, json: given } = await send('POST', '/signup', {
    body: { email: ada, password: goodPassword, name: 'Ada' },
  })
  t.equal(status, 201)
  const verification = await linkIn(ada, 'Confirm your e-mail')
  await follow(verification, press, 'Your address is confirmed')
  t.match((await send('GET', '/me', { token: given.access_token as string })).json, {
    email: ada,
    email_verified: true,
  })

  t.equal((await send('POST', '/password/forgot', { body: { email: ada } })).status, 202)
  await follow(
    await linkIn(ada, 'Reset'),
    async (page) => {
      await page.getByLabel('New password').fill(next)
      await press(page)
    },
    'Your password has been changed',
  )
  await smtp.nextMail(ada, 'Your password for')
  t.equal((await login(ada, goodPassword)).status, 401)
  t.equal(
    (await send('POST', '/refresh', { body: { refresh_token: given.refresh_token } })).status,
    401,
    'every login was ended',
  )
  const { json: back } = await login(ada, next)
  const token = String(back.access_token)

  t.equal(
    (await send('POST', '/email/change', { token, body: { new_email: lovelace, password: next } }))
      .status,
    202,
  )
  t.match((await send('GET', '/me', { token })).json, { email: ada }, 'not before it is proven')
  await follow(
    await linkIn(lovelace, 'Confirm your new'),
    async (page) => {
      await page.getByLabel('Password').fill(next)
      await press(page)
    },
    'Your new address is confirmed',
  )
  t.match((await login(lovelace, next)).json.user, {
    id: given.user.id,
    email: lovelace,
    email_verified: true,
  })
  t.equal((await login(ada, next)).status, 401)
  const undo = await linkIn(ada, 'Your e-mail address')
  await follow(
    undo,
    async (page) => {
      await press(page)
      await page.getByLabel('New password').fill(third)
      await press(page)
    },
    'Your password has been changed',
  )
  await Promise.all([
    smtp.nextMail(ada, 'Your e-mail address'),
    smtp.nextMail(lovelace, 'Your e-mail address'),
    smtp.nextMail(ada, 'Your password for'),
  ])
  t.strictSame(
    [
      (await login(lovelace, third)).status,
      (await login(ada, next)).status,
      (await login(ada, third)).status,
    ],
    [401, 401, 200],
  )

  const { json: last } = await login(ada, third)
  t.equal((await send('POST', '/password/forgot', { body: { email: ada } })).status, 202)
  const reset = await linkIn(ada, 'Reset')
  t.equal(
    (await send('POST', '/email/change', { token, body: { new_email: lovelace, password: third } }))
      .status,
    202,
  )
  const change = await linkIn(lovelace, 'Confirm your new')
  t.equal((await send('DELETE', '/me', { token, body: { password: third } })).status, 204)
  t.equal((await login(ada, third)).status, 401)

  const { status: again, json: fresh } = await send('POST', '/signup', {
    body: { email: ada, password: goodPassword },
  })
  t.equal(again, 201, 'the address is free')
  t.not(fresh.user.id, given.user.id)
  const tokenOf = (link: string) => new URLSearchParams(new URL(link).hash.slice(1)).get('token')
  for (const [path, link] of [
    ['/email/verify', verification],
    ['/email/change/confirm', change],
  ] as const)
    t.equal((await send('POST', path, { body: { token: tokenOf(link) } })).status, 400)
  await smtp.nextMail(ada, 'Your account')
  t.equal(
    (
      await send('POST', '/password/reset', {
        body: { token: tokenOf(reset), new_password: `${next}-2` },
      })
    ).status,
    400,
  )
  t.equal((await send('POST', '/email/undo', { body: { token: tokenOf(undo) } })).status, 400)
  t.equal(
    (await send('POST', '/refresh', { body: { refresh_token: last.refresh_token } })).status,
    401,
  )
  t.equal((await send('GET', '/me', { token: String(last.access_token) })).status, 401)
  t.match(
    (await send('GET', '/me', { token: String(fresh.access_token) })).json,
    { email: ada, email_verified: false, name: null },
    'nothing of the old account is in the new one',
  )

  t.equal(await server.stop('SIGTERM'), 0)
  t.strictSame(
    smtp.received.map(({ to, mail }) => [to, mail.subject]),
    [[[ada], `Confirm your e-mail address for ${new URL(server.url).host}`]],
    'the mail of the second sign-up, and no other',
  )
  t.notMatch(JSON.stringify(server.lines()), /@example|eyJ|brass|kettles/)
  t.strictSame(complaints, [])
})
