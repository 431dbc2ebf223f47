import { setTimeout as wait } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import type { Client } from '../client.js'
import type { History, State } from './account.js'

/** The outcome of the requests: acknowledged, refused with a clear response, or open. */
export interface Tally {
  ok: number
  refused: number
  open: number
}

/** The dependencies of the clients. `mails` holds the newest mailed token by address. */
export interface ClientDeps {
  send: Client
  url: string
  histories: Map<string, History>
  mails: Map<string, string>
  tally: Tally
}

const password = () => `brass-lantern-${crypto.randomUUID()}`

/**
 * Runs one client: it signs up, changes, resets, logs out everywhere and deletes, one request
 * after the other, until `keepsRunning` returns false.
 */
export async function live(deps: ClientDeps, keepsRunning: () => boolean): Promise<void> {
  while (keepsRunning()) {
    const history = await signUp(deps)
    if (history !== null) while (isKnown(history) && keepsRunning()) await act(deps, history)
  }
}

function isKnown({ states }: History): boolean {
  return states.length === 1 && states[0].exists
}

/**
 * Sends a request that changes the account to the state `next`, and records the outcome.
 * Returns the body of an acknowledged request, otherwise null.
 */
async function change(
  { send, url, tally }: ClientDeps,
  history: History,
  next: State,
  path: string,
  message: Parameters<Client>[1],
): Promise<string | null> {
  const [state] = history.states
  // Both states are possible until there is a response.
  history.states = [state, next]
  const reply = await send(`${url}${path}`, message).catch(() => null)
  if (reply !== null && reply.status < 300) {
    history.states = [next]
    tally.ok++
    return reply.body
  }
  if (reply !== null && reply.status < 500) {
    history.states = [state]
    tally.refused++
    return null
  }
  tally.open++
  // Wait, as clients do: otherwise a server that is away would get a thousand requests a second.
  await wait(100)
  return null
}

/** Signs an account up. Returns null if the response was not 201. */
export async function signUp(deps: ClientDeps): Promise<History | null> {
  const email = `${crypto.randomUUID()}@example.org`
  const next = { exists: true, password: password(), epoch: 0 }
  const history: History = { email, states: [{ ...next, exists: false }], access: '', refresh: '' }
  deps.histories.set(email, history)
  const body = await change(deps, history, next, '/signup', {
    body: { email, password: next.password },
  })
  if (body === null) return null
  hold(history, body)
  return history
}

async function act(deps: ClientDeps, history: History): Promise<void> {
  const [state] = history.states
  const { access: token, email } = history
  const renewed = { ...state, password: password(), epoch: state.epoch + 1 }
  const choice = Math.random()
  if (choice < 0.3) {
    const body = await change(deps, history, renewed, '/password/change', {
      token,
      body: { current_password: state.password, new_password: renewed.password },
    })
    if (body !== null) hold(history, body)
  } else if (choice < 0.5) {
    await change(deps, history, { ...state, epoch: state.epoch + 1 }, '/logout/everywhere', {
      method: 'POST',
      token,
    })
  } else if (choice < 0.7) {
    deps.mails.delete(email)
    await deps.send(`${deps.url}/password/forgot`, { body: { email } }).catch(() => null)
    for (let tries = 0; tries < 20 && !deps.mails.has(email); tries++) await wait(20)
    const mailed = deps.mails.get(email)
    if (mailed !== undefined)
      await change(deps, history, renewed, '/password/reset', {
        body: { token: mailed, new_password: renewed.password },
      })
  } else {
    await change(deps, history, { ...state, exists: false }, '/me', {
      method: 'DELETE',
      token,
      body: { password: state.password },
    })
  }
}

function hold(history: History, body: string): void {
  const { access_token: access, refresh_token: refresh } = JSON.parse(body) as {
    access_token: string
    refresh_token: string
  }
  Object.assign(history, { access, refresh })
}

/** Starts a mail server that keeps the token of the newest reset link, by address. */
export async function startMailServer(): Promise<{
  url: string
  mails: Map<string, string>
  close: () => void
}> {
  const mails = new Map<string, string>()
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      let text = ''
      stream.on('data', (chunk) => {
        text += String(chunk)
      })
      stream.on('end', () => {
        // Quoted-printable (RFC 2045 §6.7).
        const plain = text.replace(/=\r\n/g, '').replace(/=3D/g, '=')
        const [, token] = /\/password\/reset#token=([\w.-]+)/.exec(plain) ?? []
        if (token !== undefined)
          for (const { address } of session.envelope.rcptTo) mails.set(address, token)
        done()
      })
    },
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as { port: number }).port}`,
    mails,
    close: () => {
      server.close()
    },
  }
}
