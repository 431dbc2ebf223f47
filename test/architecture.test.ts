import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path/posix'
import t from 'tap'
import ts from 'typescript'
import { homes, layers } from './support/layers.js'
import {
  commentsOf,
  files,
  imports,
  importsOf,
  isExported,
  parse,
  sources,
  wideLines,
} from './support/sources.js'

t.test('imports point the way calls go', async (t) => {
  t.ok(imports.length > 100, 'the imports are found')
  const wrong = imports
    .filter(({ to }) => to.startsWith('src/'))
    .filter(({ from, to, typeOnly }) => {
      const [here, there] = [layerOf(from), layerOf(to)]
      if (dirname(from) === dirname(to) && here.layer === there.layer) return false
      // A route uses the rules of its own folder. No feature uses another.
      if (from.startsWith('src/api/') && to.startsWith('src/api/') && dirname(from) !== dirname(to))
        return true
      return (
        !here.may.includes(there.layer) && !(typeOnly && here.may.includes(`type:${there.layer}`))
      )
    })
  t.strictSame(wrong, [])
})

t.test('imports form no circle', async (t) => {
  const circles: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file)) return
    done.add(file)
    for (const { from, to } of imports) if (from === file) visit(to, [...path, file])
  }
  for (const file of sources) visit(file, [])
  t.strictSame(circles, [])
})

t.test('no two files of src have one name', async (t) => {
  const double = sources.filter((file) =>
    sources.some((other) => other !== file && basename(other) === basename(file)),
  )
  t.strictSame(double, [])
})

t.test('tests and benches share only test/support, and the tests of the bench', async (t) => {
  const between = [...files('test'), ...files('bench')]
    .filter((file) => /\.ts$/.test(file))
    .flatMap(importsOf)
    .filter(({ from, to }) => {
      const [here, there] = [from, to].map((path) => path.split('/')[0])
      return here !== there && (there === 'test' || there === 'bench')
    })
  t.ok(between.length > 0, 'the imports are found')
  const wrong = between.filter(
    ({ from, to }) => !from.startsWith('test/bench/') && !to.startsWith('test/support/'),
  )
  t.strictSame(wrong, [])
})

t.test('each package has one home', async (t) => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>
  }
  t.strictSame(
    Object.keys(homes).sort(),
    Object.keys(dependencies).sort(),
    'every dependency has a home, and is used',
  )
  const packages = imports
    .filter(({ to }) => !to.startsWith('src/') && !to.startsWith('node:'))
    .map(({ from, to }) => ({
      from: from.slice('src/'.length),
      name: /^(@[^/]+\/)?[^/]+/.exec(to)?.[0] ?? to,
    }))
  t.strictSame(
    packages.filter(({ from, name }) => homes[name]?.test(from) !== true),
    [],
    'each is used at home alone',
  )
  const used = new Set(packages.map(({ name }) => name))
  t.strictSame(
    Object.keys(dependencies).filter((name) => !used.has(name)),
    [],
  )
})

t.test('the environment is read in one place', async (t) => {
  const readers = sources.filter((file) => /process\.env/.test(readFileSync(file, 'utf8')))
  t.strictSame(readers, ['src/program.ts'])
})

t.test('every export says what it promises', async (t) => {
  for (const file of [...sources, ...files('client/src')]) {
    const source = parse(file)
    const silent = source.statements.filter(
      (statement) => isExported(statement) && ts.getJSDocCommentsAndTags(statement).length === 0,
    )
    t.strictSame(
      silent.map((statement) => statement.getText().split('\n')[0]),
      [],
      `${file}: a doc comment directly before each`,
    )
  }
})

t.test('comments are in plain words', async (t) => {
  const gap = '[ \\t*/]*\\s[ \\t*/]*'
  const words = ['whoever', 'somebody', 'nobody', 'anew', 'that is none', 'of before', 'of then']
  const dialect = new RegExp(`\\b(${words.join('|').replaceAll(' ', gap)})\\b`, 'gi')
  const vague = /\/\*\*[\s*]*What\b/g
  t.ok('// one of\n  // before'.match(dialect), 'also across lines')
  for (const file of [...sources, ...files('client/src')]) {
    const comments = commentsOf(file)
    const found = [...comments.matchAll(dialect), ...comments.matchAll(vague)].map(
      ({ 0: text, index }) =>
        `${file}:${comments.slice(0, index).split('\n').length}: ${text.replace(/[\s*/]+/g, ' ').trim()}`,
    )
    t.strictSame(found, [], file)
  }
})

t.test('what libraries know of us is declared in one place', async (t) => {
  const declarers = sources.filter((file) =>
    parse(file).statements.some(
      (statement) => ts.isModuleDeclaration(statement) && ts.isStringLiteral(statement.name),
    ),
  )
  t.strictSame(declarers, ['src/http/guard.ts'])
})

t.test('lines are at most 100 characters wide, but for long literals', async (t) => {
  for (const file of [...sources, ...files('client/src')]) t.strictSame(wideLines(file), [], file)
})

t.test('files are small, and nothing is left for later', async (t) => {
  const written = [
    ...sources,
    ...[...readdirSync('.'), ...['test', 'bench', 'prisma', 'client/src'].flatMap(files)].filter(
      (file) => /\.(ts|js|mjs)$/.test(file),
    ),
  ]
  t.ok(
    written.includes('build.mjs') && written.includes('test/fixtures/worker.mjs'),
    'they are found',
  )
  for (const file of written) {
    const text = readFileSync(file, 'utf8')
    const most = file.startsWith('test/') ? 350 : 250
    t.ok(text.split('\n').length <= most + 1, `${file} has at most ${most} lines`)
    if (file !== 'test/architecture.test.ts')
      t.notMatch(
        text,
        /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck)|eslint-disable/,
        `${file} leaves nothing for later`,
      )
    if (file !== 'test/architecture.test.ts' && !file.startsWith('src/'))
      t.notMatch(text, /\.(only|skip|todo)\(|\b(skip|todo)['"]?:/, `${file} leaves no test out`)
  }
})

function layerOf(file: string): (typeof layers)[number] {
  const path = file.slice('src/'.length)
  const found = layers.find((one) => one.path.test(path))
  if (found === undefined) throw new Error(`${file} belongs to no layer`)
  return found
}
