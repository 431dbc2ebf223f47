/**
 * A command failed for the reason in the message. The operator sees the message without a
 * stack.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
