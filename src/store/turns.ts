/**
 * Creates a wait that ends in a turn of the event loop of its own: callers go one after the
 * other. A statement on a SQLite file blocks the event loop, and Prisma runs the statements of
 * one caller in one turn. So without the wait, no other request is served between them.
 */
export function createTurns(): () => Promise<void> {
  let last = Promise.resolve()
  return async () => {
    last = last.then(
      async () =>
        await new Promise((resolve) => {
          setImmediate(resolve)
        }),
    )
    await last
  }
}
