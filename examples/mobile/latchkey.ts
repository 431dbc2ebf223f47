// React Native with expo-secure-store. Its cookie jar keeps the device cookie.
import * as SecureStore from 'expo-secure-store'

const api = 'http://localhost:3000'
const name = 'latchkey'
const options = { keychainAccessible: SecureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY }

export interface User {
  id: string
  email: string
  email_verified: boolean
  name: string | null
}

interface TokenReply {
  access_token: string
  expires_in: number
  refresh_token: string
  user: User
}

/** A code of Latchkey; `network`: no reply of Latchkey arrived; `logged_out`: log in first. */
export class LatchkeyError extends Error {
  code: string
  retryAfter: number
  reasons: string[]
  constructor(code: string, { retryAfter = 0, reasons = [] as string[] } = {}) {
    super(code)
    this.code = code
    this.retryAfter = retryAfter
    this.reasons = reasons
  }
}

let login: { refreshToken: string; user: User } | null = null
let access: { token: string; expires: number } | null = null
let refreshing: Promise<string> | null = null
let saving: Promise<void> = Promise.resolve()

/** Call it once when the app starts. It needs no network. If it rejects, try again later. */
export async function restore(): Promise<User | null> {
  const text = await SecureStore.getItemAsync(name, options)
  login = text === null ? null : JSON.parse(text)
  return login?.user ?? null
}

export async function signIn(email: string, password: string): Promise<User> {
  return await keep(await post<TokenReply>('/login', { email, password }))
}

/** Ends the login here at once. Rejects if the server could not be told. */
export async function signOut(): Promise<void> {
  const ended = login
  await forget()
  if (ended !== null) await post('/logout', { refresh_token: ended.refreshToken })
}

/** Like fetch, with a path of the API and the token. After a 401 it repeats the request once. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const send = async (token: string) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token}`)
    return await request(path, { ...init, headers })
  }
  const used = await accessToken()
  const reply = await send(used)
  if (reply.status !== 401) return reply
  // Another call may have renewed it meanwhile.
  if (access?.token === used) access = null
  return await send(await accessToken())
}

/** A token for the next request. Calls at the same time share one refresh. */
export function accessToken(): Promise<string> {
  if (access !== null && performance.now() < access.expires) return Promise.resolve(access.token)
  if (refreshing !== null) return refreshing
  const mine = refresh().finally(() => {
    if (refreshing === mine) refreshing = null
  })
  refreshing = mine
  return mine
}

async function refresh(): Promise<string> {
  const used = login
  if (used === null) throw new LatchkeyError('logged_out')
  try {
    const reply = await post<TokenReply>('/refresh', { refresh_token: used.refreshToken })
    // A logout or another login came first: this reply is too late.
    if (login !== used) throw new LatchkeyError('logged_out')
    await keep(reply)
    return reply.access_token
  } catch (error) {
    // The only refusal that ends the login. All others keep it.
    const isOver = error instanceof LatchkeyError && error.code === 'invalid_refresh_token'
    if (isOver && login === used) await forget()
    throw error
  }
}

async function keep(reply: TokenReply): Promise<User> {
  login = { refreshToken: reply.refresh_token, user: reply.user }
  const seconds = reply.expires_in - 30
  access = { token: reply.access_token, expires: performance.now() + seconds * 1000 }
  await save()
  return reply.user
}

async function forget(): Promise<void> {
  login = access = refreshing = null
  await save()
}

// One write after the other, each with the newest state: a late one cannot bring a login back.
function save(): Promise<void> {
  saving = saving
    .catch(() => {})
    .then(() =>
      login === null
        ? SecureStore.deleteItemAsync(name, options)
        : SecureStore.setItemAsync(name, JSON.stringify(login), options),
    )
  return saving
}

async function request(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(api + path, init)
  } catch {
    throw new LatchkeyError('network')
  }
}

async function post<Reply>(path: string, body: object): Promise<Reply> {
  const headers = { 'content-type': 'application/json' }
  const reply = await request(path, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await reply.text().catch(() => '')
  if (reply.status === 204) return undefined as Reply
  const isJson = /json/.test(reply.headers.get('content-type') ?? '')
  let parsed
  try {
    parsed = JSON.parse(isJson ? text : '')
  } catch {
    // The page of a hotel's network, or a gateway that cannot reach Latchkey.
    throw new LatchkeyError('network')
  }
  if (reply.ok) return parsed
  throw new LatchkeyError(typeof parsed?.code === 'string' ? parsed.code : 'network', {
    retryAfter: Number(reply.headers.get('retry-after')) || 0,
    reasons: parsed?.reasons,
  })
}
