// Loads in a process of its own, so that other work does not delay their clock. load.ts starts it.
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from './client.js'
import type { Load, LoadReport } from './load.js'

const timeoutMilliseconds = 30_000

process.once('message', (loads: Load[]) => {
  Promise.all(loads.map(drive)).then(
    (reports) =>
      process.send?.(reports, () => {
        process.disconnect()
      }),
    (error: unknown) => {
      throw error
    },
  )
})

async function drive({
  url,
  messages,
  seconds,
  warmSeconds = 0,
  perSecond,
  inFlight,
}: Load): Promise<LoadReport> {
  const send = createClient(timeoutMilliseconds, 1000)
  const byStatus: Record<string, number> = {}
  const milliseconds: number[] = []
  const sinceSent: number[] = []
  let sent = 0
  const begin = performance.now()
  const counts = begin + warmSeconds * 1000
  const end = counts + seconds * 1000
  const ask = async (due: number) => {
    const message = messages[sent++ % messages.length] ?? {}
    const begun = performance.now()
    const outcome = await send(url, message).then(
      ({ status }) => String(status),
      () => 'lost',
    )
    if (due < counts) return
    byStatus[outcome] = (byStatus[outcome] ?? 0) + 1
    milliseconds.push(performance.now() - due)
    sinceSent.push(performance.now() - begun)
  }
  if (perSecond === undefined) {
    await Promise.all(
      Array.from({ length: inFlight ?? 1 }, async () => {
        while (performance.now() < end) await ask(performance.now())
      }),
    )
  } else {
    const running: Array<Promise<void>> = []
    const due = () => begin + (running.length * 1000) / perSecond
    while (due() < end) {
      // A timer counts whole milliseconds. A load that sleeps leaves the cores to the server.
      await wait(Math.max(1, Math.ceil(due() - performance.now())))
      while (due() < Math.min(end, performance.now())) running.push(ask(due()))
    }
    await Promise.all(running)
  }
  milliseconds.sort((a, b) => a - b)
  const quantile = (share: number) =>
    Math.round(
      (milliseconds[Math.min(milliseconds.length - 1, Math.floor(milliseconds.length * share))] ??
        NaN) * 10,
    ) / 10
  return {
    requests: milliseconds.length,
    byStatus,
    seconds,
    p50: quantile(0.5),
    p99: quantile(0.99),
    slowest: quantile(1),
    sinceSent,
  }
}
