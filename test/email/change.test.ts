import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { buildTestApp, goodPassword, headerNames, jsonType, notObjects, notStrings, onEachDatabase, pointers, problem, query } from '../helper.js'
import { tokenOf } from '../mailbox.js'
import { refusedRefresh, type Forger } from '../http/forger.js'
import { hostileTokens } from '../http/hostile-tokens.js'
import { openPage } from '../browser.js'
import { freePort } from '../postgres/cluster.js'
import { decode, forge, signer } from '../tokens/forge.js'

const fresh = () => `${randomUUID()}@new.example`

await onEachDatabase(t, async (t, database) => {
  const test = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time, databaseUrl, mails, nextMail, logText, jwks } = test
  const change = async (token: string, body: unknown, headers = {}) => await call('POST', '/email/change', { token, body, headers })
  const verify = async (token: unknown) => await call('POST', '/email/verify', { body: { token } })
  const undo = async (token: unknown) => await call('POST', '/email/undo', { body: { token } })
  const emailOf = async (token: string) => (await call('GET', '/me', { token })).json().email
  const login = async (email: string, password = goodPassword) => (await call('POST', '/login', { body: { email, password } })).statusCode
  const signupVerified = async () => {
    const person = await signup()
    await verify(tokenOf(await nextMail(person.user.email, 'Confirm your e-mail')))
    return person
  }
  const ask = async (access: string, newEmail: string) => {
    const reply = await change(access, { new_email: newEmail, password: goodPassword })
    if (reply.statusCode !== 202) throw new Error(reply.body)
    return tokenOf(await nextMail(newEmail, 'Confirm your new'))
  }

  await t.test('an address changes when the new one is proven, once, and the old one can take it back, once', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signupVerified()
    const newEmail = fresh()
    const sibling = await ask(access, fresh())
    const token = await ask(access, ` ${newEmail.toUpperCase()} `.trim().toLowerCase())
    t.equal(await emailOf(access), user.email, 'nothing has happened yet')
    const iat = time.now / 1000
    const { header, payload } = decode(token)
    t.match(header, { typ: 'email+jwt' })
    t.strictSame({ ...payload, jti: '', bind: '' }, { iss: 'http://localhost:3000', aud: 'http://localhost:3000/links', sub: user.id, iat, exp: iat + 86_400, email: newEmail, jti: '', bind: '' })
    time.now += 1000
    const replies = await Promise.all(Array.from({ length: 20 }, async () => await verify(token)))
    t.strictSame(replies.map(({ statusCode }) => statusCode).sort(), [200, ...Array.from({ length: 19 }, () => 400)])
    for (const used of [token, sibling]) problem(t as Test, await verify(used), 400, 'invalid_one_time_token')
    t.match((await call('GET', '/me', { token: access })).json(), { email: newEmail, email_verified: true, updated_at: new Date(time.now).toISOString() })
    t.strictSame([await login(user.email), await login(newEmail)], [401, 200])
    t.equal((await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode, 200, 'nobody is logged out')

    const notice = await nextMail(user.email, 'Your e-mail address')
    t.notOk(notice.text.includes(newEmail))
    const back = tokenOf(notice)
    t.match(decode(back), { header: { typ: 'undo+jwt' }, payload: { email: user.email, exp: time.now / 1000 + 7 * 86_400 } })
    // A thief would change the password and the address once more.
    const thief = (await call('POST', '/password/change', { token: access, body: { current_password: goodPassword, new_password: `${goodPassword}-3` } })).json()
    const third = fresh()
    await call('POST', '/email/change', { token: access, body: { new_email: third, password: `${goodPassword}-3` } })
    await verify(tokenOf(await nextMail(third, 'Confirm your new')))
    t.equal(await emailOf(access), third)
    const undone = await Promise.all(Array.from({ length: 20 }, async () => await undo(back)))
    t.strictSame(undone.map(({ statusCode }) => statusCode).sort(), [204, ...Array.from({ length: 19 }, () => 400)])
    t.equal(await emailOf(access), user.email)
    refusedRefresh(t as Test, 'the thief is out', await call('POST', '/refresh', { body: { refresh_token: thief.refresh_token } }))
    problem(t as Test, await undo(back), 400, 'invalid_one_time_token')
  })

  await t.test('the answer does not tell whether the new address has an account', async (t) => {
    const [{ access_token: access, user }, other] = [await signup(), await signup()]
    const replies = [await change(access, { new_email: fresh(), password: goodPassword }), await change(access, { new_email: other.user.email, password: goodPassword })]
    for (const reply of replies) t.strictSame([reply.statusCode, reply.body, headerNames(reply)], [202, '{}', headerNames(replies[0] as typeof reply)])
    const { text } = await nextMail(other.user.email, 'Your e-mail address')
    t.notMatch(text, /token=/)
    const late = fresh()
    const token = await ask(access, late)
    await signup({ email: late })
    problem(t as Test, await verify(token), 400, 'invalid_one_time_token')
    t.equal(await emailOf(access), user.email, 'an address that was taken meanwhile')
  })

  await t.test('what does not fit, and who may not', async (t) => {
    const { access_token: access, user } = await signup()
    const body = { new_email: 'x@example.org', password: goodPassword }
    const misfits: Array<[object, string[]]> = [[{}, ['/new_email', '/password']], [{ ...body, email: 'x' }, ['/email']], [{ ...body, new_email: 'no address' }, ['/new_email']], ...notStrings.flatMap((value): Array<[object, string[]]> => [[{ ...body, new_email: value }, ['/new_email']], [{ ...body, password: value }, ['/password']]])]
    for (const [given, expected] of misfits) t.strictSame(pointers(t as Test, await change(access, given)).sort(), expected, JSON.stringify(given))
    for (const given of notObjects) t.strictSame(pointers(t as Test, await change(access, given, jsonType)), [''])
    problem(t as Test, await call('POST', '/email/change', { body }), 401, 'missing_token')
    for (const password of ['', 'wrong', '\ud800']) problem(t as Test, await change(access, { ...body, password }), 403, 'wrong_password')
    await query(databaseUrl, `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`)
    problem(t as Test, await change(access, body), 403, 'forbidden')
    await query(databaseUrl, `DELETE FROM users WHERE id = '${user.id}'`)
    problem(t as Test, await change(access, body), 401, 'invalid_token')
    t.notOk(mails.some(({ to }) => to === body.new_email))
  })

  await t.test('what ends a link', async (t) => {
    const events: Record<string, (person: Awaited<ReturnType<typeof signup>>) => Promise<unknown>> = {
      'a password change': async ({ access_token: token }) => await call('POST', '/password/change', { token, body: { current_password: goodPassword, new_password: `${goodPassword}-2` } }),
      'logging out everywhere': async ({ access_token: token }) => await call('POST', '/logout/everywhere', { token }),
      disabling: async ({ user }) => await query(databaseUrl, `UPDATE users SET disabled_at = created_at WHERE id = '${user.id}'`),
      deletion: async ({ user }) => await query(databaseUrl, `DELETE FROM users WHERE id = '${user.id}'`),
      time: async () => { time.now += (86_400 + 30) * 1000 }
    }
    for (const [name, happen] of Object.entries(events)) {
      const person = await signup()
      const token = await ask(person.access_token, fresh())
      await happen(person)
      problem(t as Test, await verify(token), 400, 'invalid_one_time_token')
      t.pass(name)
    }
    for (const sql of ['DELETE FROM users', 'UPDATE users SET disabled_at = created_at']) {
      const { access_token: access, user } = await signupVerified()
      await verify(await ask(access, fresh()))
      const back = tokenOf(await nextMail(user.email, 'Your e-mail address'))
      await query(databaseUrl, `${sql} WHERE id = '${user.id}'`)
      problem(t as Test, await undo(back), 400, 'invalid_one_time_token')
    }
    const { access_token: access, user } = await signupVerified()
    await verify(await ask(access, fresh()))
    const back = tokenOf(await nextMail(user.email, 'Your e-mail address'))
    await signup({ email: user.email })
    problem(t as Test, await undo(back), 400, 'invalid_one_time_token')
    t.not(await emailOf(access), user.email, 'somebody else has the address now')
    time.now += (7 * 86_400 + 30) * 1000
    problem(t as Test, await undo(back), 400, 'invalid_one_time_token')
  })

  await t.test('what is no such token', async (t) => {
    const { access_token: access, refresh_token: refreshToken, user } = await signup()
    const verification = tokenOf(await nextMail(user.email, 'Confirm your e-mail'))
    await verify(verification)
    const asked = await ask(access, fresh())
    await verify(await ask(access, fresh()))
    const back = tokenOf(await nextMail(user.email, 'Your e-mail address'))
    const jwk = jwks.keys[0] ?? {}
    for (const [use, good] of [[verify, asked], [undo, back]] as const) {
      const { header, payload: claims } = decode(good)
      const make: Forger['make'] = (changes = {}) => forge({ ...header, ...changes.header }, { ...claims, ...changes.claims }, changes.sign ?? signer(jwk))
      const rows: Array<[string, string]> = [...Object.values(hostileTokens({ ...test, make, header, claims, jwk } as unknown as Forger)).flat(), ['an access token', access], ['a refresh token', refreshToken], ['the other one', use === verify ? back : asked], ...[undefined, null, 5, '', ['x@example.org']].map((email): [string, string] => [`email ${String(email)}`, make({ claims: { email } })])]
      if (use === undo) rows.push(['a verification token', verification])
      for (const [name, bad] of rows) t.strictSame([(await use(bad)).statusCode, (await use(bad)).json().code], [400, 'invalid_one_time_token'], name)
      for (const value of notStrings) t.strictSame(pointers(t as Test, await use(value)), ['/token'])
    }
    t.equal((await undo(back)).statusCode, 204)
  })
  for (const secret of ['eyJ', goodPassword, 'example']) t.notOk(logText().includes(secret), `no ${secret} in the log`)
})

t.test('the page of the notice, in a browser', async (t) => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { app, call, signup, nextMail, time } = await buildTestApp(t as Test, { env: { APP_URL: url } })
  time.now = Date.now()
  await app.listen({ host: '127.0.0.1', port })
  const { access_token: token, user } = await signup()
  await call('POST', '/email/verify', { body: { token: tokenOf(await nextMail(user.email, 'Confirm')) } })
  await call('POST', '/email/change', { token, body: { new_email: 'new@example.org', password: goodPassword } })
  const { page, complaints } = await openPage(t as Test)
  for (const [to, subject, button, says, email] of [['new@example.org', 'Confirm your new', 'Confirm', 'is confirmed', 'new@example.org'], [user.email, 'Your e-mail address', 'Bring it back', 'is back', user.email]] as const) {
    const [link = ''] = /http\S+/.exec((await nextMail(to, subject)).text) ?? []
    await page.goto('about:blank')
    await page.goto(link)
    t.notMatch(page.url(), /token/)
    await page.getByRole('button', { name: button }).click()
    await page.getByRole('status').filter({ hasText: says }).waitFor()
    t.equal((await call('GET', '/me', { token })).json().email, email)
  }
  t.strictSame(complaints, [])
})
