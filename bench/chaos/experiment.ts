/** What an experiment is told. */
export interface ChaosOptions {
  /** Fewer rounds and shorter faults: all experiments together within two minutes. */
  quick: boolean
  /**
   * How often something is done that is done again and again; what the experiment thinks right
   * without this.
   */
  rounds: number | undefined
  /** Breaks the promise on purpose where the experiment can: it must then find that. */
  control: boolean
  /** Says how far it is. */
  progress: (line: string) => void
}

/**
 * One line of the table. `kept` says whether the promise held in it; the rest are figures and
 * words, each under the name of its column.
 */
export interface Row {
  what: string
  kept: boolean
  figures: Record<string, string | number>
}

/**
 * A way to break things, and what must hold meanwhile. A new one is a file of its own beside
 * this, named in run.ts.
 */
export interface Experiment {
  /** What `npm run chaos -- --only <name>` calls it. */
  name: string
  promise: string
  /** Runs to its end and puts everything away that it started. */
  run: (options: ChaosOptions) => Promise<Row[]>
}

/** The value below which a share of the numbers lies; NaN of none. */
export function quantile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
