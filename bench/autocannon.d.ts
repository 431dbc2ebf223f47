declare module 'autocannon' {
  /** One request of the load, as it is about to be sent. */
  export interface Outgoing {
    method?: string
    path?: string
    headers?: Record<string, string>
    body?: string
  }
  /**
   * `duration` in seconds, or `amount` requests; it ends at the end of a `sampleInt`, in
   * milliseconds.
   */
  export interface Options extends Outgoing {
    url: string
    connections: number
    duration?: number
    sampleInt?: number
    amount?: number
    requests?: Array<Outgoing & { setupRequest?: (request: Outgoing) => Outgoing }>
  }
  /** Latencies in milliseconds; the duration, as it was, in seconds. */
  export interface Result {
    requests: { total: number }
    latency: { p50: number; p99: number }
    duration: number
    non2xx: number
    errors: number
    statusCodeStats: Record<string, { count: number }>
  }
  export default function autocannon(options: Options): Promise<Result>
}
