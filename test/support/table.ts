/** A row of a table of cases: its name, and what the case needs. */
export type Row<Values extends unknown[]> = readonly [name: string, ...values: Values]

/**
 * Runs each row of a table in order. Returns the results by the names of the rows, so that one
 * `t.strictSame` compares the table and its diff names each row that differs.
 *
 * @throws Error if the table is empty or two rows have the same name
 */
export async function byRow<Values extends unknown[], Result>(
  rows: ReadonlyArray<Row<Values>>,
  run: (...values: Values) => Result | Promise<Result>,
): Promise<Record<string, Result>> {
  const results = new Map<string, Result>()
  for (const [name, ...values] of rows) {
    if (results.has(name)) throw new Error(`two rows are called ${name}`)
    results.set(name, await run(...(values as unknown as Values)))
  }
  if (results.size === 0) throw new Error('the table is empty')
  return Object.fromEntries(results)
}

/** The table of results if every row has the same one. */
export function everyRow<Result>(
  rows: ReadonlyArray<readonly [name: string, ...rest: unknown[]]>,
  result: Result,
): Record<string, Result> {
  return Object.fromEntries(rows.map(([name]) => [name, result]))
}

/** The name of a row for a value: JSON in ASCII, with the length where it is cut. */
export function nameOf(value: unknown, length = 60): string {
  const text = (JSON.stringify(value) ?? String(value)).replace(
    /[^ -~]/gu,
    (letter) => `U+${letter.codePointAt(0)?.toString(16)}`,
  )
  return text.length <= length ? text : `${text.slice(0, length)}… (${text.length})`
}

/** A table with a row for each value, named by it. */
export function rowsOf<Value>(values: readonly Value[]): Array<[name: string, value: Value]> {
  return values.map((value) => [nameOf(value), value])
}
