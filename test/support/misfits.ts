import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { notObjects, notStrings, pointersOf } from '../helper.js'
import { type Case, nameOf, tableIs } from './table.js'

/** A body that does not fit, and the pointers to where it does not. */
export type Misfit = Case<unknown, string[]>

/**
 * Asserts that a route refuses each misfit with the pointers to what is wrong: bodies that are
 * JSON but not an object, each member of a good body as each value that is not a string, and
 * more rows. `send` must send text as `application/json`.
 */
export async function refusesMisfits(
  t: Test,
  send: (body: unknown) => Promise<LightMyRequestResponse>,
  good: object,
  more: Misfit[] = [],
): Promise<void> {
  const rows: Misfit[] = [
    ...notObjects.map((text): Misfit => [`body ${text}`, text, ['']]),
    ...Object.keys(good).flatMap((member) =>
      notStrings.map((value): Misfit => [
        `${member} ${nameOf(value)}`,
        { ...good, [member]: value },
        [`/${member}`],
      ]),
    ),
    ...more,
  ]
  await tableIs(t, rows, async (body) => pointersOf(await send(body)), 'misfits are refused')
}
