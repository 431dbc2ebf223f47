import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import t from 'tap'
import ts from 'typescript'
import {
  commentsOf,
  files,
  imports,
  isExported,
  parse,
  sources,
  wideLines,
} from './support/sources.js'

const features = [
  'signup',
  'login',
  'refresh',
  'logout',
  'password',
  'email',
  'me',
  'claims',
  'discovery',
  'health',
  'docs',
]

/**
 * What each layer may import from others; `type:` allows types only. A file belongs to the
 * first layer that fits its path.
 */
const layers: Array<{ layer: string; path: RegExp; may: string[] }> = [
  {
    layer: 'main',
    path: /^main\.ts$/,
    may: [
      'app',
      'cli',
      'config',
      'errors',
      'http',
      'mail',
      'passwords',
      'store',
      'tokens',
      'workers',
    ],
  },
  { layer: 'workers', path: /^workers\.ts$/, may: ['type:config'] },
  {
    layer: 'app',
    path: /^app\.ts$/,
    may: [
      'routes',
      'http',
      'tokens',
      'package-root',
      'type:config',
      'type:clock',
      'type:store',
      'type:passwords',
      'type:mail',
      'metrics',
    ],
  },
  {
    layer: 'routes',
    path: /^routes\.ts$/,
    may: [
      'route',
      'feature',
      'http',
      'tokens',
      'mail',
      'type:config',
      'type:clock',
      'type:store',
      'type:passwords',
      'attempts',
      'link-limits',
    ],
  },
  {
    layer: 'cli',
    path: /^cli\//,
    may: [
      'app',
      'config',
      'email-address',
      'email-history',
      'errors',
      'http',
      'mail',
      'package-root',
      'passwords',
      'schema-check',
      'store',
      'tokens',
      'type:clock',
    ],
  },
  {
    layer: 'metrics',
    path: /^metrics\//,
    may: ['http', 'type:mail', 'type:passwords', 'type:store'],
  },
  {
    layer: 'route',
    path: /\.route\.ts$/,
    may: ['errors', 'http', 'page', 'type:feature', 'type:tokens'],
  },
  { layer: 'page', path: /\.page\.ts$/, may: ['http'] },
  {
    layer: 'feature',
    path: new RegExp(`^(${features.join('|')})/`),
    may: [
      'caller',
      'email-address',
      'email-history',
      'errors',
      'type:attempts',
      'type:clock',
      'type:link-limits',
      'type:mail',
      'type:passwords',
      'type:store',
      'type:tokens',
    ],
  },
  {
    layer: 'http',
    path: /^http\//,
    may: [
      'email-address',
      'errors',
      'tokens',
      'type:attempts',
      'type:link-limits',
      'type:store',
      'type:clock',
    ],
  },
  {
    layer: 'store',
    path: /^store\//,
    may: ['email-history', 'errors', 'package-root', 'type:clock'],
  },
  {
    layer: 'tokens',
    path: /^tokens\//,
    may: ['audiences', 'email-history', 'errors', 'schema-check', 'type:clock', 'type:config'],
  },
  { layer: 'mail', path: /^mail\//, may: [] },
  { layer: 'passwords', path: /^passwords\//, may: ['errors'] },
  { layer: 'config', path: /^config\.ts$/, may: ['audiences', 'mail', 'schema-check', 'settings'] },
  { layer: 'settings', path: /^settings\.ts$/, may: [] },
  { layer: 'audiences', path: /^audiences\.ts$/, may: [] },
  { layer: 'email-address', path: /^email-address\.ts$/, may: ['errors'] },
  { layer: 'email-history', path: /^email-history\.ts$/, may: [] },
  {
    layer: 'caller',
    path: /^caller\.ts$/,
    may: ['errors', 'type:attempts', 'type:passwords', 'type:store'],
  },
  { layer: 'link-limits', path: /^link-limits\.ts$/, may: [] },
  { layer: 'attempts', path: /^attempts\.ts$/, may: [] },
  { layer: 'errors', path: /^errors\.ts$/, may: [] },
  { layer: 'clock', path: /^clock\.ts$/, may: [] },
  { layer: 'schema-check', path: /^schema-check\.ts$/, may: [] },
  { layer: 'package-root', path: /^package-root\.ts$/, may: [] },
]

/** Where each package is at home. */
const homes: Record<string, RegExp> = {
  '@fastify/accepts': /^app\.ts$/,
  cookie: /^http\//,
  '@fastify/ajv-compiler': /^http\//,
  '@fastify/cors': /^http\//,
  '@fastify/fast-json-stringify-compiler': /^http\//,
  '@fastify/jwt': /^http\//,
  '@fastify/swagger': /^http\//,
  '@fastify/swagger-ui': /^docs\//,
  '@fastify/type-provider-typebox': /^http\//,
  '@opentelemetry/api': /^http\//,
  '@prisma/adapter-libsql': /^store\//,
  '@prisma/adapter-pg': /^store\//,
  '@prisma/client': /^store\//,
  '@prisma/driver-adapter-utils': /^store\//,
  '@prisma/schema-engine-wasm': /^store\//,
  '@zxcvbn-ts/core': /^passwords\//,
  '@zxcvbn-ts/language-common': /^passwords\//,
  '@zxcvbn-ts/language-en': /^passwords\//,
  ajv: /^schema-check\.ts$/,
  argon2: /^passwords\//,
  bcrypt: /^passwords\//,
  'close-with-grace': /^main\.ts$/,
  'fast-jwt': /^tokens\//,
  fastify: /^(http\/|app\.ts$)/,
  'find-my-way': /^http\//,
  ioredis: /^http\//,
  'ipaddr.js': /^http\//,
  jose: /^tokens\//,
  nodemailer: /^mail\//,
  'p-retry': /^store\//,
  pino: /^(http\/|main\.ts$|cli\/)/,
  'pino-pretty': /^http\//,
  piscina: /^passwords\//,
  'prom-client': /^metrics\//,
  'rate-limiter-flexible': /^http\//,
  typebox: /^(config|settings|schema-check)\.ts$|^cli\/|^http\/|^tokens\/|\.route\.ts$/,
  validator: /^email-address\.ts$/,
}

t.test('imports point the way calls go', async (t) => {
  t.ok(imports.length > 100, 'the imports are found')
  for (const { from, to, typeOnly } of imports.filter(({ to }) => to.startsWith('src/'))) {
    const [here, there] = [layerOf(from), layerOf(to)]
    if (here.layer === there.layer && dirname(from) === dirname(to)) continue
    // A route uses the rules of its own folder; no feature uses another.
    if (here.layer === 'route' && ['feature', 'page'].includes(there.layer))
      t.equal(dirname(from), dirname(to), `${from} → ${to}: another feature`)
    t.ok(
      here.may.includes(there.layer) || (typeOnly && here.may.includes(`type:${there.layer}`)),
      `${from} → ${to}${typeOnly ? ' (type)' : ''}`,
    )
  }
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
  for (const { from, name } of packages)
    t.match(from, homes[name] ?? /^nowhere$/, `${name} in ${from}`)
  const used = new Set(packages.map(({ name }) => name))
  t.strictSame(
    Object.keys(dependencies).filter((name) => !used.has(name)),
    [],
  )
})

t.test('the environment is read in one place', async (t) => {
  const readers = sources.filter((file) => /process\.env/.test(readFileSync(file, 'utf8')))
  t.strictSame(readers, ['src/main.ts'])
})

t.test('every export says what it promises', async (t) => {
  for (const file of sources) {
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
  for (const file of sources) {
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
  for (const file of sources) t.strictSame(wideLines(file), [], file)
})

t.test('files are small, and nothing is left for later', async (t) => {
  const written = [
    ...sources,
    ...[...readdirSync('.'), ...['test', 'bench', 'prisma'].flatMap(files)].filter((file) =>
      /\.(ts|js|mjs)$/.test(file),
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
