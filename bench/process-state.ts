/**
 * Lets the process that forked this one ask for its CPU time and its memory; collects garbage
 * first where that is allowed (--expose-gc).
 */
export function answerState(): void {
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
