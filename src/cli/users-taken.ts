import { Problem } from '../errors.js'
import { CommandError } from './command-error.js'

/**
 * Waits for an act, and explains a taken address to the operator. Other errors pass through.
 *
 * @throws CommandError with the message if another account has the address
 */
export async function explainTaken<T>(act: Promise<T>, message: string): Promise<T> {
  try {
    return await act
  } catch (error) {
    throw error instanceof Problem && error.code === 'email_taken'
      ? new CommandError(message)
      : error
  }
}
