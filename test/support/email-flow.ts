import { randomUUID } from 'node:crypto'
import { goodPassword, type TestApp } from '../helper.js'
import { tokenOf } from './mailbox.js'

/** An address that has no account. */
export const freshEmail = (): string => `${randomUUID()}@new.example`

/** What a person does with the address of an account, in steps. */
export function createEmailFlow({
  call,
  signup,
  nextMail,
}: Pick<TestApp, 'call' | 'signup' | 'nextMail'>) {
  const post = async (url: string, body: object, token?: string) =>
    await call('POST', url, { body, ...(token !== undefined && { token }) })
  const must = async (reply: ReturnType<typeof post>) => {
    const { statusCode, body } = await reply
    if (statusCode >= 400) throw new Error(`${statusCode}: ${body}`)
  }
  const signupVerified = async (email = `${randomUUID()}@example.org`) => {
    const person = await signup({ email })
    await must(
      post('/email/verify', { token: tokenOf(await nextMail(email, 'Confirm your e-mail')) }),
    )
    return person
  }
  /** Asks for another address. Returns the token of the mail to it. */
  const ask = async (access: string, email: string, password = goodPassword) => {
    await must(post('/email/change', { new_email: email, password }, access))
    return tokenOf(await nextMail(email, 'Confirm your new'), '/email/change')
  }
  const confirm = async (
    token: unknown,
    proof: { password?: unknown; access?: string } = { password: goodPassword },
  ) =>
    await post(
      '/email/change/confirm',
      { token, ...('password' in proof && { password: proof.password }) },
      proof.access,
    )
  /** Moves an account from a verified address to another one. Returns the token of the notice. */
  const move = async (access: string, from: string, to: string, password = goodPassword) => {
    await must(confirm(await ask(access, to, password), { password }))
    return tokenOf(await nextMail(from, /was changed$/), '/email/undo')
  }
  const undo = async (token: unknown) => await post('/email/undo', { token })
  const login = async (email: string, password = goodPassword) =>
    (await post('/login', { email, password })).statusCode
  /** Takes an account back and chooses a new password. */
  const recover = async (token: string, password: string) => {
    const reply = await undo(token)
    await must(post('/password/reset', { token: reply.json().reset_token, new_password: password }))
  }
  return { post, signupVerified, ask, confirm, move, undo, login, recover }
}
