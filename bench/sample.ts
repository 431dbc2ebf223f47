import autocannon, { type Options } from 'autocannon'
import { quantile } from './statistics.js'

/** One measurement: the calls a second, and the duration of one call in milliseconds. */
export interface Sample {
  perSecond: number
  p50: number
  p99: number
}

/**
 * Sends requests over HTTP. Throws if a request fails or is refused, because the figures would
 * be wrong.
 */
export async function load(options: Options): Promise<Sample> {
  const { requests, latency, duration, non2xx, errors, statusCodeStats } = await autocannon({
    sampleInt: 100,
    ...options,
  })
  if (non2xx + errors > 0)
    throw new Error(
      `${options.url}: ${errors} failed, the others by status: ${JSON.stringify(statusCodeStats)}`,
    )
  return { perSecond: requests.total / duration, p50: latency.p50, p99: latency.p99 }
}

/**
 * Calls a function repeatedly in this process.
 *
 * @param concurrency the number of concurrent calls
 */
export async function repeat(
  seconds: number,
  concurrency: number,
  call: () => Promise<unknown>,
): Promise<Sample> {
  const milliseconds: number[] = []
  const begin = performance.now()
  const worker = async () => {
    while (performance.now() - begin < seconds * 1000) {
      const start = performance.now()
      await call()
      milliseconds.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return {
    perSecond: (milliseconds.length / (performance.now() - begin)) * 1000,
    p50: quantile(milliseconds, 0.5),
    p99: quantile(milliseconds, 0.99),
  }
}
