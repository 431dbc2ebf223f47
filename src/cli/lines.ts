/**
 * Longest line that is read, in bytes without its end; the same as the longest body of a
 * request.
 */
export const longestLineBytes = 16 * 1024

/** One line of a text, counted from 1, without its end; or why it is none. */
export type Line = { number: number; text: string } | { number: number; fault: string }

/**
 * Splits bytes into lines that end with LF or CR LF, the last one also without. A byte order
 * mark is left out. Never keeps more than {@link longestLineBytes} of a line, however long it
 * is.
 */
export async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  let kept = Buffer.alloc(0)
  const keep = (piece: Buffer) => {
    // Two more bytes than allowed, one for a CR, are enough to see that it is too long.
    kept = Buffer.concat([kept, piece.subarray(0, longestLineBytes + 2 - kept.length)])
  }
  const take = (): Line => {
    const bytes = kept.at(-1) === 13 ? kept.subarray(0, -1) : kept
    kept = Buffer.alloc(0)
    number++
    if (bytes.length > longestLineBytes)
      return { number, fault: `longer than ${longestLineBytes / 1024} KiB` }
    try {
      return { number, text: decoder.decode(bytes) }
    } catch {
      return { number, fault: 'not UTF-8' }
    }
  }
  for await (const chunk of input) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      keep(chunk.subarray(start, end))
      start = end + 1
      yield take()
    }
    keep(chunk.subarray(start))
  }
  if (kept.length > 0) yield take()
}
