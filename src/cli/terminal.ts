import type { Readable, Writable } from 'node:stream'

/**
 * What a command reads, writes and listens to; `process` is one. `isTTY` is true where a person
 * sits at the other end.
 */
export interface Terminal {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean }
  stderr: Writable & { isTTY?: boolean }
  on: (signal: 'SIGINT' | 'SIGTERM', listener: (signal: 'SIGINT' | 'SIGTERM') => void) => unknown
  off: (signal: 'SIGINT' | 'SIGTERM', listener: (signal: 'SIGINT' | 'SIGTERM') => void) => unknown
}

/**
 * Text of other people for a terminal: signs that are not seen or that turn the direction of
 * what follows (Unicode C, Zl, Zp) as `\u202e`. Inside JSON it stays the same value.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (sign) =>
    sign
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
