/**
 * Reports CPU time and memory to the parent process on each message. With --expose-gc it
 * collects garbage first.
 */
export function reportState(): void {
  process.on('message', () => {
    global.gc?.()
    const { user, system } = process.cpuUsage()
    const { heapUsed, external, rss } = process.memoryUsage()
    process.send?.({
      cpuMicroseconds: user + system,
      heapBytes: heapUsed + external,
      residentBytes: rss,
    })
  })
}
