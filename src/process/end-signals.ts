/** The signals that tell a process to end. */
export type EndSignal = 'SIGTERM' | 'SIGINT'

/** The signals of a process, as far as they end it. */
export interface SignalSource {
  on: (signal: EndSignal, listener: (signal: EndSignal) => void) => unknown
  exit: (code: number) => void
}

/** Decides what a signal to end does. */
export interface EndSignals {
  /**
   * From now on, the first signal calls `end` and a later one calls `endNow`. Before this call,
   * a signal ends the process at once with exit code 0, because nothing is served yet.
   */
  handle: (handlers: EndHandlers) => void
}

/** Both steps of an end. */
export interface EndHandlers {
  /** Signals to ignore, because another process passes them on. */
  ignored?: EndSignal[]
  /** Begins to end. */
  end: (signal: EndSignal) => void
  /** Ends at once. */
  endNow: (signal: EndSignal) => void
}

/**
 * A signal this soon after the first is the same request, in milliseconds: npm passes a signal
 * on that the terminal or the service manager has sent to the whole process group.
 */
const sameRequestMilliseconds = 500

/**
 * Listens to the signals that end a process.
 *
 * @param source null to leave the signals alone
 * @param now in milliseconds, monotonic
 */
export function createEndSignals(
  source: SignalSource | null,
  now: () => number = () => performance.now(),
): EndSignals {
  let handlers: EndHandlers | undefined
  let firstAt: number | undefined
  const onSignal = (signal: EndSignal): void => {
    if (handlers === undefined) {
      source?.exit(0)
    } else if (handlers.ignored?.includes(signal) === true) {
      // Another process decides when this one ends.
    } else if (firstAt === undefined) {
      firstAt = now()
      handlers.end(signal)
    } else if (now() - firstAt > sameRequestMilliseconds) {
      handlers.endNow(signal)
    }
  }
  source?.on('SIGTERM', onSignal)
  source?.on('SIGINT', onSignal)
  return {
    handle: (given) => {
      handlers = given
    },
  }
}
