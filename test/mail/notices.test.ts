import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Message } from '../../src/mail/message.js'
import { buildTestApp, goodPassword, onEachDatabase } from '../helper.js'

const tokenOf = ({ text }: { text: string }) => /#token=([\w.-]+)/.exec(text)?.[1] ?? ''
const next = 'seven-green-kettles-whistle'
const fresh = () => `${randomUUID()}@new.example`

await onEachDatabase(t, async (t, database) => {
  const { call, signup, mails, nextMail, logText } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
  })
  const post = async (url: string, body: object, token?: string) => {
    const { statusCode, body: text } = await call('POST', url, {
      body,
      ...(token !== undefined && { token }),
    })
    if (statusCode >= 400) throw new Error(`${url}: ${text}`)
  }
  const person = async ({ verified }: { verified: boolean }) => {
    const {
      user: { email },
      access_token: access,
    } = await signup({ name: 'Mallory' })
    const mail = await nextMail(email, 'Confirm your e-mail')
    if (verified) await post('/email/verify', { token: tokenOf(mail) })
    return { email, access }
  }
  const changeEmail = async (access: string) => {
    const email = fresh()
    await post('/email/change', { new_email: email, password: goodPassword }, access)
    await post('/email/change/confirm', {
      token: tokenOf(await nextMail(email, 'Confirm your new')),
      password: goodPassword,
    })
    return email
  }
  /**
   * What an event does answers, for each address, the words that its notices must have; `link`
   * where one must be.
   */
  const events: Record<
    string,
    () => Promise<Array<{ to: string; subject: RegExp; words: RegExp; link?: boolean }>>
  > = {
    'a changed password': async () => {
      const { email, access } = await person({ verified: true })
      await post('/password/change', { current_password: goodPassword, new_password: next }, access)
      return [
        {
          to: email,
          subject: /^Your password for localhost:3000 was changed$/,
          words: /was changed just now.*If this was not you/s,
        },
      ]
    },
    'a password that was reset': async () => {
      const { email } = await person({ verified: false })
      await post('/password/forgot', { email })
      await post('/password/reset', {
        token: tokenOf(await nextMail(email, 'Reset')),
        new_password: next,
      })
      return [
        {
          to: email,
          subject: /^Your password for localhost:3000 was reset$/,
          words: /with a link sent to this address.*If this was not you/s,
        },
      ]
    },
    'another address': async () => {
      const { email, access } = await person({ verified: true })
      await changeEmail(access)
      return [
        {
          to: email,
          subject: /was changed$/,
          words: /has a new e-mail address.*If this was not you/s,
          link: true,
        },
      ]
    },
    'another address in place of one that was never verified: its reader may be a stranger, and gets no link':
      async () => {
        const { email, access } = await person({ verified: false })
        await changeEmail(access)
        return [{ to: email, subject: /was changed$/, words: /never confirmed/ }]
      },
    'an undo: both addresses are told, for either may be that of a thief': async () => {
      const { email, access } = await person({ verified: true })
      const other = await changeEmail(access)
      await post('/email/undo', { token: tokenOf(await nextMail(email, 'Your e-mail address')) })
      return [
        {
          to: email,
          subject: /is back$/,
          words: /this e-mail address again.*previous password no longer works/s,
        },
        {
          to: other,
          subject: /was changed back$/,
          words: /has its former address again.*If this was not you/s,
        },
      ]
    },
    'an undo after a second change: the address of now is told': async () => {
      const { email, access } = await person({ verified: true })
      const second = await changeEmail(access)
      const undo = tokenOf(await nextMail(email, 'Your e-mail address'))
      const third = await changeEmail(access)
      await nextMail(second, 'Your e-mail address')
      await post('/email/undo', { token: undo })
      return [
        { to: email, subject: /is back$/, words: /If you have not chosen a new password/ },
        { to: third, subject: /was changed back$/, words: /former/ },
      ]
    },
    'a deleted account: its address, and the former ones': async () => {
      const { email, access } = await person({ verified: true })
      const second = await changeEmail(access)
      await nextMail(email, 'Your e-mail address')
      const third = await changeEmail(access)
      await nextMail(second, 'Your e-mail address')
      const reply = await call('DELETE', '/me', { token: access, body: { password: goodPassword } })
      if (reply.statusCode !== 204) throw new Error(reply.body)
      return [third, email, second].map((to) => ({
        to,
        subject: /^Your account at localhost:3000 was deleted$/,
        words: /was deleted.*If this was not you/s,
      }))
    },
  }
  for (const [name, happen] of Object.entries(events)) {
    await t.test(name, async (t) => {
      const notices = await happen()
      for (const { to, subject, words, link = false } of notices) {
        const mail: Message = await nextMail(to, 'Your ')
        t.match(mail.subject, subject)
        for (const part of [mail.text, mail.html]) {
          t.match(part, words)
          t.equal(part.includes('token=eyJ'), link)
          for (const absent of [goodPassword, next, 'Mallory', '@example.org', '@new.example'])
            t.notOk(part.includes(absent), `no ${absent}`)
        }
        t.ok(
          mail.text
            .split('\n\n')
            .every(
              (paragraph) =>
                paragraph.includes('://') || mail.html.includes(`<p>${paragraph.trim()}</p>`),
            ),
          'the same words in both parts',
        )
      }
      t.strictSame(mails, [], 'and nobody else')
    })
  }

  await t.test('what was refused tells nobody', async (t) => {
    const { email, access } = await person({ verified: true })
    await changeEmail(access)
    const undo = tokenOf(await nextMail(email, 'Your e-mail address'))
    await signup({ email })
    await post('/email/verify', { token: tokenOf(await nextMail(email, 'Confirm your e-mail')) })
    const refused = [
      await call('POST', '/email/undo', { body: { token: undo } }),
      await call('POST', '/password/reset', { body: { token: undo, new_password: next } }),
      await call('POST', '/password/change', {
        token: access,
        body: { current_password: 'wrong', new_password: next },
      }),
    ]
    t.strictSame(
      refused.map(({ statusCode }) => statusCode),
      [409, 400, 403],
    )
    await signup({ email: 'last@example.org' })
    await nextMail('last@example.org', 'Confirm your e-mail')
    t.strictSame(mails, [])
  })
  for (const secret of ['eyJ', goodPassword, next, 'example'])
    t.notOk(logText().includes(secret), `no ${secret} in the log`)
})
