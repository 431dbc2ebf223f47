import type { Test } from 'tap'

/** A case of a table: its name, its input and the expected result. */
export type Case<Input, Expected = string> = readonly [
  name: string,
  input: Input,
  expected: Expected,
]

type Run<Input> = (input: Input, name: string) => unknown

/**
 * Runs each row of a table in order. Returns the results by the names of the rows, so that one
 * `t.strictSame` compares the table and its diff names each row that differs.
 *
 * @throws Error if the table is empty or two rows have the same name
 */
export async function byRow<Input>(
  rows: ReadonlyArray<readonly [name: string, input: Input, ...rest: unknown[]]>,
  run: Run<Input>,
): Promise<Record<string, unknown>> {
  const results = new Map<string, unknown>()
  for (const [name, input] of rows) {
    if (results.has(name)) throw new Error(`two rows are called ${name}`)
    results.set(name, await run(input, name))
  }
  if (results.size === 0) throw new Error('the table is empty')
  return Object.fromEntries(results)
}

/** Asserts that each case of a table has its expected result, in one comparison by row. */
export async function tableIs<Input>(
  t: Test,
  rows: ReadonlyArray<Case<Input, unknown>>,
  run: Run<Input>,
  message: string,
): Promise<void> {
  t.strictSame(
    await byRow(rows, run),
    Object.fromEntries(rows.map(([name, , expected]) => [name, expected])),
    `${message} (${rows.length} rows)`,
  )
}

/** Asserts that each row of a table has the same result, in one comparison by row. */
export async function everyRowIs<Input>(
  t: Test,
  rows: ReadonlyArray<readonly [name: string, input: Input]>,
  expected: unknown,
  run: Run<Input>,
  message: string,
): Promise<void> {
  t.strictSame(
    await byRow(rows, run),
    Object.fromEntries(rows.map(([name]) => [name, expected])),
    `${message} (${rows.length} rows)`,
  )
}

/** The name of a row for a value: JSON in ASCII, with its length where it is cut. */
export function nameOf(value: unknown, length = 60): string {
  const text = ((JSON.stringify(value) as string | undefined) ?? String(value)).replace(
    /[^ -~]/gu,
    (letter) => `U+${letter.codePointAt(0)?.toString(16)}`,
  )
  return text.length <= length ? text : `${text.slice(0, length)}... (${text.length})`
}

/** A table with a row for each value, named by the value. */
export function rowsOf<Value>(values: readonly Value[]): Array<[name: string, value: Value]> {
  return values.map((value) => [nameOf(value), value])
}

/** The code that a promise rejects with, or what it resolves with, for a table. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => ({ resolved: value }),
    (error: Error & { code?: string }) => error.code ?? String(error),
  )
}
