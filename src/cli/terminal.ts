import type { Readable, Writable } from 'node:stream'

/**
 * The streams and signals that a command uses, such as `process`. `isTTY` is true if a person
 * is at the other end.
 */
export interface Terminal {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean }
  stderr: Writable & { isTTY?: boolean }
  on: (signal: 'SIGINT' | 'SIGTERM', listener: (signal: 'SIGINT' | 'SIGTERM') => void) => unknown
  off: (signal: 'SIGINT' | 'SIGTERM', listener: (signal: 'SIGINT' | 'SIGTERM') => void) => unknown
}

/**
 * Makes foreign text safe for a terminal: invisible characters and those that change the text
 * direction (Unicode C, Zl, Zp) become escapes such as `\u202e`. JSON keeps its value.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (sign) =>
    sign
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
