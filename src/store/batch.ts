/** How many turns of the event loop a look-up waits for others at most. */
const mostTurns = 8

/**
 * Makes a wait that ends in the same tick for all who wait: as soon as a turn of the event loop
 * brings nobody new, and after {@link mostTurns} at the latest. Prisma asks the database once
 * for all rows that are looked up in the same tick; requests that arrive together are in ticks
 * and turns of their own. One look-up at a time costs six times as much.
 */
export function createBatch(): () => Promise<void> {
  let waiting = 0
  let next: Promise<void> | undefined
  const gather = (resolve: () => void, seen: number, left: number) => {
    setImmediate(() => {
      if (waiting > seen && left > 1) {
        gather(resolve, waiting, left - 1)
        return
      }
      next = undefined
      waiting = 0
      resolve()
    })
  }
  return async () => {
    waiting++
    next ??= new Promise((resolve) => {
      gather(resolve, waiting, mostTurns)
    })
    await next
  }
}
