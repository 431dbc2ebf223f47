/**
 * Timeouts in milliseconds: without them a request could wait forever for a connection or a
 * silent server. `query_timeout` begins when a connection is requested. The server cancels a
 * statement earlier if it can, so that it is known to have had no effect. A dead idle
 * connection is closed early.
 */
export const poolOptions = {
  connectionTimeoutMillis: 1500,
  query_timeout: 1900,
  statement_timeout: 1500,
  idle_in_transaction_session_timeout: 5000,
  idleTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  application_name: 'latchkey',
}

/** For failures that are reported elsewhere, or not at all. */
export function ignore(): void {}
