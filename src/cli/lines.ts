/** The max length of a line in bytes, without its end. It is the max length of a request body. */
export const maxLineBytes = 16 * 1024

/** One line of a text without its end, counted from 1, or the reason why it is not valid. */
export type Line = { number: number; text: string } | { number: number; fault: string }

/**
 * Splits bytes into lines that end with LF or CR LF. The last line may end without. A byte
 * order mark is skipped. Memory is bounded: the excess of a line over {@link maxLineBytes} is
 * dropped.
 */
export async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  let kept = Buffer.alloc(0)
  const keep = (piece: Buffer) => {
    // Two more bytes than allowed, one for a CR, show that a line is too long.
    kept = Buffer.concat([kept, piece.subarray(0, maxLineBytes + 2 - kept.length)])
  }
  const take = (): Line => {
    const bytes = kept.at(-1) === 13 ? kept.subarray(0, -1) : kept
    kept = Buffer.alloc(0)
    number++
    if (bytes.length > maxLineBytes)
      return { number, fault: `longer than ${maxLineBytes / 1024} KiB` }
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
