import { clearLine, cursorTo } from 'node:readline'
import type { Terminal } from './terminal.js'

/** Tells a person how far a long command has come. */
export interface Progress {
  /** @param share of the work that is done, 0 to 1; null when nobody knows */
  show: (share: number | null, text: string) => void
  /** Makes room for something else. */
  clear: () => void
}

const barWidth = 24
const leastMilliseconds = 100

/** A bar in the last line of the terminal; where there is none, nothing is shown. */
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
      if (performance.now() - last < leastMilliseconds) return
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
