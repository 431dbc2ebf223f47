/** The options of an experiment. */
export interface ChaosOptions {
  /** Fewer rounds and shorter faults: all experiments run within two minutes. */
  quick: boolean
  /** The number of repetitions; undefined for the default of the experiment. */
  rounds: number | undefined
  /** Breaks the promise on purpose, if the experiment can: it must detect this. */
  control: boolean
  /** Reports the progress. */
  progress: (line: string) => void
}

/**
 * One line of the table. `kept` says whether the promise held. `figures` are the cells by the
 * name of their column.
 */
export interface Row {
  what: string
  kept: boolean
  figures: Record<string, string | number>
}

/**
 * A way to break things, and the promise that must hold meanwhile. Each has its own file here
 * and is listed in run.ts.
 */
export interface Experiment {
  /** The name for `npm run chaos -- --only <name>`. */
  name: string
  promise: string
  /** Runs the experiment and cleans up. */
  run: (options: ChaosOptions) => Promise<Row[]>
}

/** Returns the value that a share of the numbers is below; NaN for an empty list. */
export function quantile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
