/**
 * The present as milliseconds since 1970-01-01T00:00:00Z. Injected wherever time matters, so
 * that tests can hold it still.
 */
export type Clock = () => number
