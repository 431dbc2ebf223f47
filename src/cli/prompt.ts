import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandError } from './command-error.js'
import type { Terminal } from './terminal.js'

/**
 * Asks the operator at the terminal one question after the other. Returns the answers.
 *
 * @param hidden do not echo the answers
 * @throws CommandError if the operator cancels (Ctrl-C, Ctrl-D)
 */
export async function ask(
  questions: string[],
  { stdin, stderr }: Terminal,
  { hidden }: { hidden: boolean },
): Promise<string[]> {
  const silence = new Writable({
    write: (_chunk, _encoding, done) => {
      done()
    },
  })
  const reader = createInterface({
    input: stdin,
    output: hidden ? silence : stderr,
    terminal: true,
  })
  const lines = reader[Symbol.asyncIterator]()
  const answers: string[] = []
  try {
    for (const question of questions) {
      if (hidden) stderr.write(question)
      reader.setPrompt(question)
      reader.prompt()
      const line = await lines.next()
      if (hidden) stderr.write('\n')
      if (line.done === true) throw new CommandError('Cancelled.')
      answers.push(line.value)
    }
    return answers
  } finally {
    reader.close()
  }
}
