import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import type { Test } from 'tap'
import { findPython, writeSnippets } from './snippets.js'

/** The claims that a poller decides by. */
export interface PolledClaims {
  sub: string
  ver?: number
  iat?: number
}

/** How a poller judges a token: `unknown` is the error for a list that is too old. */
export type Judgement = 'current' | 'ended' | 'unknown'

/** A service with the example of one language. */
export interface Poller {
  judge: (claims: PolledClaims) => Promise<Judgement>
  /** Verifies a token too. Returns its claims; null if it is refused. */
  verify: (token: string) => Promise<({ roles?: string[] } & PolledClaims) | null>
  stop: () => void
}

/** Parameters of both examples, times in milliseconds. */
export interface PollerOptions {
  issuer: string
  /** The URL of the list; that of the issuer by default. */
  url?: string
  failOpen?: boolean
  maxAge?: number
  every?: number
  keep?: number
}

type StartPoller = (t: Test, options: PollerOptions) => Promise<Poller>

interface NodeExample {
  ready: Promise<void>
  stop: () => void
  isEnded: (claims: PolledClaims) => boolean
}

/** Starts the example for Node.js in this process. */
export const startNodePoller: StartPoller = async (t, { issuer, url, ...options }) => {
  const folder = writeSnippets(t, { issuer, files: ['latchkey.js', 'revocations.js'] })
  const load = async <Module>(file: string) => (await import(join(folder, file))) as Module
  const { verify } = await load<{
    verify: (header: string) => Promise<PolledClaims | null>
  }>('latchkey.js')
  const { watchRevocations } = await load<{
    watchRevocations: (options: object) => NodeExample
  }>('revocations.js')
  const watch = watchRevocations({
    url: url ?? `${issuer}/revocations`,
    ...options,
    onError: () => {},
  })
  await watch.ready
  t.teardown(watch.stop)
  return {
    judge: async (claims) => {
      try {
        return watch.isEnded(claims) ? 'ended' : 'current'
      } catch {
        return 'unknown'
      }
    },
    verify: async (token) => {
      const claims = await verify(`Bearer ${token}`)
      return claims === null || watch.isEnded(claims) ? null : claims
    },
    stop: watch.stop,
  }
}

const program = `
import json, jwt, latchkey, sys
from revocations import Revocations, UnknownRevocations
watch = Revocations(**json.loads(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    try:
        claims = asked if isinstance(asked, dict) else latchkey.verify(asked)
        said = "ended" if watch.is_ended(claims) else claims
    except UnknownRevocations:
        said = "unknown"
    except jwt.PyJWTError:
        said = "ended"
    print(json.dumps(said), flush=True)
`

/** Starts the example for Python in a process of its own. Null if Python or PyJWT is missing. */
export async function startPythonPoller(
  t: Test,
  { issuer, url, failOpen = false, maxAge = 30_000, every = 2000, keep = 60_000 }: PollerOptions,
): Promise<Poller | null> {
  const { program: python } = await findPython()
  if (python === null) return null
  const folder = writeSnippets(t, { issuer, files: ['latchkey.py', 'revocations.py'] })
  const options = {
    url: url ?? `${issuer}/revocations`,
    fail_open: failOpen,
    max_age: maxAge / 1000,
    every: every / 1000,
    keep: keep / 1000,
  }
  const child = spawn(python, ['-c', program, JSON.stringify(options)], {
    cwd: folder,
    env: { ...process.env, NO_PROXY: '*', PYTHONPATH: folder },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const stop = () => {
    child.kill()
  }
  t.teardown(stop)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const line = await lines.next()
    if (line.done === true) throw new Error('the Python example ended')
    return line.value
  }
  await next()
  // One question after the other: the lines have no names.
  let turn: Promise<unknown> = Promise.resolve()
  const ask = async (question: unknown) => {
    const asked = turn.then(async () => {
      child.stdin.write(`${JSON.stringify(question)}\n`)
      return JSON.parse(await next()) as PolledClaims | 'ended' | 'unknown'
    })
    turn = asked
    return await asked
  }
  return {
    judge: async (claims) => {
      const said = await ask(claims)
      return typeof said === 'string' ? said : 'current'
    },
    verify: async (token) => {
      const said = await ask(token)
      if (said === 'unknown') throw new Error('the list of revocations is too old')
      return said === 'ended' ? null : said
    },
    stop,
  }
}
