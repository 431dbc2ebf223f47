import { ConfigError, loadConfig } from '../../src/config.js'

/** The names that the refusal of an environment lists; none when it is accepted. */
export function refused(env: Record<string, string | undefined>): string[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const [first, ...lines] = error.message.split('\n')
    if (first !== 'These settings cannot be used:') throw error
    return lines.map((line) => /^ {2}([A-Z0-9_]+): \S/.exec(line)?.[1] ?? line)
  }
}
