/**
 * A command cannot do what it was asked for, and the message says why. Nothing of a stack is
 * shown.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
