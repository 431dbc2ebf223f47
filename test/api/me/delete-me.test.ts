import t from 'tap'
import {
  buildTestApp,
  goodPassword,
  jsonType,
  notObjects,
  notStrings,
  onEachDatabase,
  outcome,
} from '../../helper.js'
import { isErased } from '../../support/accounts.js'
import type { Misfit } from '../../support/misfits.js'
import { outcomes, uniquePointers } from '../../support/replies.js'
import { nameOf, tableIs } from '../../support/table.js'

const body = { password: goodPassword }

await onEachDatabase(t, async (t, database) => {
  const { call, signup, stored, log, nextMail } = await buildTestApp(t, {
    database,
    env: { RATE_LIMITS: 'off' },
  })
  const audited = () => log().flatMap(({ event, account }) => (event ? [[event, account]] : []))

  await t.test('POST /me/delete does the same as DELETE /me', async (t) => {
    for (const [method, url] of [
      ['DELETE', '/me'],
      ['POST', '/me/delete'],
    ] as const) {
      const { access_token: token, user } = await signup()
      const before = audited().length
      const wrong = await call(method, url, { token, body: { password: 'wrong' } })
      const reply = await call(method, url, { token, body })
      t.strictSame(
        [outcome(wrong), outcome(reply), reply.body],
        ['403 wrong_password', '204', ''],
        url,
      )
      isErased(t, await stored.row(user.id))
      t.match(reply.headers, { 'content-type': undefined, 'cache-control': 'no-store' })
      t.strictSame(audited().slice(before), [
        ['password.wrong', user.id],
        ['account.deleted', user.id],
      ])
      t.match((await nextMail(user.email, /deleted/)).to, user.email, 'a mail tells the owner')
      t.equal(outcome(await call(method, url, { token, body })), '401 invalid_token')
    }
  })

  await t.test('misfits are refused and delete nothing', async (t) => {
    const { access_token: token, user } = await signup()
    await tableIs(
      t,
      [
        ['empty', {}, ['/password']],
        ['id', { ...body, id: 'x' }, ['/id']],
        ...notStrings.map((password): Misfit => [nameOf(password), { password }, ['/password']]),
        ...notObjects.map((text): Misfit => [`body ${text}`, text, ['']]),
        ['none', undefined, ['']],
      ] satisfies Misfit[],
      async (misfit) =>
        uniquePointers(
          await call('POST', '/me/delete', {
            token,
            ...(misfit !== undefined && { body: misfit, headers: jsonType }),
          }),
        ),
      'pointers',
    )
    t.strictSame(uniquePointers(await call('POST', '/me/delete?id=1', { token, body })), ['id'])
    t.equal(outcome(await call('POST', '/me/delete', { body })), '401 missing_token')
    t.equal(
      outcome(await call('POST', '/me/delete', { token: 'a.b.c', body: {} })),
      '401 invalid_token',
    )
    for (const method of ['GET', 'DELETE', 'PATCH'] as const)
      t.equal(outcome(await call(method, '/me/delete', { token })), '405 method_not_allowed')
    await stored.disable(user.id)
    t.equal(outcome(await call('POST', '/me/delete', { token, body })), '403 forbidden')
    t.ok(await stored.row(user.id), 'the account is still there')
  })

  await t.test('one of twenty deletions on both routes wins', async (t) => {
    const { access_token: token } = await signup()
    const replies = await Promise.all(
      Array.from({ length: 20 }, async (_, index) =>
        index % 2 === 0
          ? await call('DELETE', '/me', { token, body })
          : await call('POST', '/me/delete', { token, body }),
      ),
    )
    t.strictSame(outcomes(replies), { 204: 1, '401 invalid_token': 19 })
  })
})
