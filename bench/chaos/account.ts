/** What an account is at one moment. `epoch` counts what ended its refresh tokens. */
export interface State {
  exists: boolean
  password: string
  epoch: number
}

/**
 * An account whose only client is one of ours, so that everything it has gone through is known:
 * of what got no clear answer, both ways it may have gone.
 */
export interface History {
  email: string
  /**
   * One state, or the one before and the one after a request of which nobody said what became
   * of it.
   */
  states: [State] | [State, State]
  access: string
  refresh: string
}

/** What a row of the database says of an account; undefined where there is none. */
export type Found = { epoch: number } | undefined

const same = (state: State, found: Found) =>
  state.exists ? found?.epoch === state.epoch : found === undefined

/**
 * Takes the state that the database shows as the only one, and answers what is wrong with it,
 * if anything is: an acknowledged change that is gone, or something that nobody asked for.
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
