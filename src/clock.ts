/**
 * Returns the present time in milliseconds since 1970-01-01T00:00:00Z. Injected everywhere, so
 * that tests can stop the time.
 */
export type Clock = () => number
