import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

/**
 * Requests to one URL, the messages in turn. Either `perSecond` on schedule, without waiting
 * for earlier responses, or always `inFlight` at once. Requests that are due in the first
 * `warmSeconds` are not counted.
 */
export interface Load {
  url: string
  messages: Array<{
    method?: string
    body?: object
    token?: string
    headers?: Record<string, string>
  }>
  seconds: number
  warmSeconds?: number
  perSecond?: number
  inFlight?: number
}

/**
 * The outcome of the counted requests: responses by status (`lost` without a response), and
 * milliseconds from the scheduled time.
 */
export interface LoadReport {
  requests: number
  byStatus: Record<string, number>
  seconds: number
  p50: number
  p99: number
  slowest: number
  /**
   * Milliseconds of each request from the time when it was sent, without the delays of the load
   * itself.
   */
  sinceSent: number[]
}

/**
 * Runs a load in a separate process.
 *
 * @param launcher a command that starts another, such as `taskset -c 1`
 */
export async function runLoad(load: Load, launcher: string[] = []): Promise<LoadReport> {
  const [report] = await runLoads([load], launcher)
  return report as LoadReport
}

/**
 * Runs loads at the same time, together in one separate process. The reports are in their
 * order.
 */
export async function runLoads(loads: Load[], launcher: string[] = []): Promise<LoadReport[]> {
  const [program = '', ...args] = [
    ...launcher,
    process.execPath,
    resolve('dist/bench/load-process.js'),
  ]
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const reports = once(child, 'message') as Promise<[LoadReport[]]>
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the load ended with ${String(code)}`)
  })
  child.send(loads)
  const [answer] = await Promise.race([reports, failed])
  failed.catch(() => {})
  return answer
}
