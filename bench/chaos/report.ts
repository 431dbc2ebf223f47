import { cpus, loadavg, totalmem, type } from 'node:os'
import type { Experiment, Row } from './experiment.js'

/**
 * Returns the document with the table of an experiment, the machine and the date at the marked
 * place. Throws if the mark is missing.
 */
export function withTables(document: string, { name, promise }: Experiment, rows: Row[]): string {
  const [begin, end] = [
    `<!-- ${name}: written by npm run chaos -- --write -->`,
    `<!-- end of ${name} -->`,
  ]
  const [head, tail] = [document.indexOf(begin), document.indexOf(end)]
  if (head < 0 || tail < head) throw new Error(`the document has no place for ${name}`)
  const load = loadavg()[1] ?? NaN
  const machine = `${new Date().toISOString().slice(0, 10)}, ${type()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node.js ${process.version}, load average ${load.toFixed(0)}.`
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))]
  const lines = rows.map(({ what, kept, figures }) => [
    what,
    ...columns.map((column) => figures[column] ?? ''),
    kept ? 'yes' : '**no**',
  ])
  const table = [
    ['', ...columns, 'kept'],
    Array.from({ length: columns.length + 2 }, () => '---'),
    ...lines,
  ].map((cells) => `| ${cells.join(' | ')} |`)
  return `${document.slice(0, head)}${begin}\n${promise} ${machine}\n\n${table.join('\n')}\n${document.slice(tail)}`
}
