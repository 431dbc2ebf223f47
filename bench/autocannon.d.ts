declare module 'autocannon' {
  /** One request of the load, before it is sent. */
  export interface Outgoing {
    method?: string
    path?: string
    headers?: Record<string, string>
    body?: string
  }
  /**
   * The load: for a `duration` in seconds, or an `amount` of requests. It ends at the end of a
   * `sampleInt`, in milliseconds.
   */
  export interface Options extends Outgoing {
    url: string
    connections: number
    duration?: number
    sampleInt?: number
    amount?: number
    requests?: Array<Outgoing & { setupRequest?: (request: Outgoing) => Outgoing }>
  }
  /** The result: latencies in milliseconds, and the actual duration in seconds. */
  export interface Result {
    requests: { total: number }
    latency: { p50: number; p99: number }
    throughput: { total: number }
    duration: number
    non2xx: number
    errors: number
    statusCodeStats: Record<string, { count: number }>
  }
  export default function autocannon(options: Options): Promise<Result>
}
