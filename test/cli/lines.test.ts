import { Readable } from 'node:stream'
import t from 'tap'
import { maxLineBytes, readLines } from '../../src/cli/lines.js'

async function read(input: string | Buffer, chunkBytes = 65536): Promise<Array<[number, string]>> {
  const bytes = Buffer.from(input)
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) =>
    bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  )
  const found: Array<[number, string]> = []
  for await (const line of readLines(Readable.from(chunks)))
    found.push([line.number, 'text' in line ? line.text : `! ${line.fault}`])
  return found
}

t.test('lines, however the bytes arrive', async (t) => {
  const rows: Array<[input: string | Buffer, lines: string[]]> = [
    ['', []],
    ['\n', ['']],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\nb', ['a', 'b']],
    ['a\r\n\r\nb\r\n', ['a', '', 'b']],
    ['a\rb\r\r\n', ['a\rb\r']],
    ['\ufeffa\nb', ['a', 'b']],
    ['é😀\n漢', ['é😀', '漢']],
    ['a\0b\u2028c\n', ['a\0b\u2028c']],
    [Buffer.from('a\n\xff\xfe\nb\n', 'latin1'), ['a', '! not UTF-8', 'b']],
    [Buffer.from('a\n\xed\xa0\x80\nb', 'latin1'), ['a', '! not UTF-8', 'b']],
    [Buffer.from('{"a":1}\n', 'utf16le'), ['{\0"\0a\0"\0:\0' + '1\0}\0', '\0']],
  ]
  for (const [row, [input, lines]] of rows.entries()) {
    for (const chunkBytes of [1, 2, 3, 65536])
      t.strictSame(
        await read(input, chunkBytes),
        lines.map((line, index) => [index + 1, line]),
        `row ${row}, in chunks of ${chunkBytes}`,
      )
  }
})

t.test('a line over 16 KiB is none', async (t) => {
  const longest = 'x'.repeat(maxLineBytes)
  const fault = '! longer than 16 KiB'
  for (const chunkBytes of [1000, 16384, 16385, 65536]) {
    t.strictSame(
      await read(
        `${longest}\n${longest}\r\n${longest}x\nb\n${longest}\rx\r\n${longest}\r\r`,
        chunkBytes,
      ),
      [
        [1, longest],
        [2, longest],
        [3, fault],
        [4, 'b'],
        [5, fault],
        [6, fault],
      ],
      String(chunkBytes),
    )
  }
})

t.test('a line without end needs no memory', async (t) => {
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  const before = process.memoryUsage().arrayBuffers
  const lines = readLines(
    Readable.from(
      (function* () {
        for (let i = 0; i < 500; i++) yield chunk
      })(),
    ),
  )
  t.match(await lines.next(), { value: { number: 1, fault: 'longer than 16 KiB' } })
  t.match(await lines.next(), { done: true })
  t.ok(process.memoryUsage().arrayBuffers - before < 100 * 1024 * 1024)
})
