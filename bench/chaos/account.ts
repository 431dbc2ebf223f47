/** The state of an account. `epoch` counts the events that revoked its refresh tokens. */
export interface State {
  exists: boolean
  password: string
  epoch: number
}

/**
 * An account that only one client of the experiment uses, so its history is known. After a
 * request without a clear response, both possible states are kept.
 */
export interface History {
  email: string
  /** The state, or the states before and after a request without a clear response. */
  states: [State] | [State, State]
  access: string
  refresh: string
}

/** The state of an account in the database; undefined if it has no row. */
export type Found = { epoch: number } | undefined

const same = (state: State, found: Found) =>
  state.exists ? found?.epoch === state.epoch : found === undefined

/**
 * Keeps the state that the database shows as the only one. Returns a fault if this state is not
 * possible: an acknowledged change was lost, or a change was never requested. Otherwise null.
 */
export function settle(history: History, found: Found): string | null {
  const state = history.states.find((one) => same(one, found))
  if (state !== undefined) {
    history.states = [state]
    return null
  }
  const expected = history.states
    .map(({ exists, epoch }) => (exists ? `epoch ${epoch}` : 'no account'))
    .join(' or ')
  return `${history.email}: ${found === undefined ? 'no account' : `epoch ${found.epoch}`} instead of ${expected}`
}
