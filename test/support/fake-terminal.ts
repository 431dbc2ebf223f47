import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Terminal } from '../../src/cli/terminal.js'

/** A terminal that a test types into and reads. */
export interface FakeTerminal extends Terminal {
  stdin: PassThrough & { isTTY: boolean }
  /** Sends a signal to the command. */
  emit: (signal: 'SIGINT' | 'SIGTERM', same: 'SIGINT' | 'SIGTERM') => boolean
  listenerCount: (signal: string) => number
  /** Everything that was written so far, for once: the streams end with it. */
  output: () => Promise<{ stdout: string; stderr: string }>
}

/**
 * @param input what stands in the standard input; without it, that stays open
 * @param answers what a person types when the text before is shown; makes the standard input a
 *   terminal
 */
export function fakeTerminal({
  input,
  answers,
  isTTY = answers !== undefined,
}: {
  input?: string | Buffer
  answers?: Array<[shown: string, typed: string]>
  isTTY?: boolean
} = {}): FakeTerminal {
  const stdin = Object.assign(new PassThrough(), { isTTY })
  if (input !== undefined) stdin.end(input)
  const [stdout, stderr] = [0, 1].map(() =>
    Object.assign(new PassThrough({ highWaterMark: 1e9 }), { isTTY }),
  )
  if (stdout === undefined || stderr === undefined) throw new Error('unreachable')
  let shown = ''
  const waiting = [...(answers ?? [])]
  const write = stderr.write.bind(stderr) as (chunk: string) => boolean
  stderr.write = (chunk: string) => {
    shown += chunk
    const [next] = waiting
    if (next !== undefined && shown.includes(next[0])) {
      waiting.shift()
      shown = ''
      setImmediate(() => {
        stdin.write(next[1])
      })
    }
    return write(chunk)
  }
  return Object.assign(new EventEmitter(), {
    stdin,
    stdout,
    stderr,
    output: async () => {
      stdout.end()
      stderr.end()
      return { stdout: await text(stdout), stderr: await text(stderr) }
    },
  })
}
