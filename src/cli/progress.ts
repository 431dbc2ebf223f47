import { clearLine, cursorTo } from 'node:readline'
import type { Terminal } from './terminal.js'

/** Shows the operator the progress of a long command. */
export interface Progress {
  /** @param share of the work that is done, 0 to 1; null if unknown */
  show: (share: number | null, text: string) => void
  /** Clears the line for other output. */
  clear: () => void
}

const barWidth = 24
const minMilliseconds = 100

/** Creates a progress bar in the last line of the terminal. Without a terminal it is silent. */
export function createProgress({ stderr }: Pick<Terminal, 'stderr'>): Progress {
  if (stderr.isTTY !== true) return { show: () => {}, clear: () => {} }
  let last = -Infinity
  const clear = () => {
    cursorTo(stderr, 0)
    clearLine(stderr, 0)
  }
  return {
    clear,
    show: (share, text) => {
      if (performance.now() - last < minMilliseconds) return
      last = performance.now()
      clear()
      const done = Math.round(barWidth * (share ?? 0))
      stderr.write(
        share === null
          ? text
          : `[${'='.repeat(done)}${' '.repeat(barWidth - done)}] ${Math.round(share * 100)} %  ${text}`,
      )
    },
  }
}
