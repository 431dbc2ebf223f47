// `npm run prune:production`, after `npm prune --omit=dev`: removes the packages that only
// optional peers need. npm keeps these. Prisma's client names Prisma's command line as an optional
// peer, which brings a studio, a database and a compiler: half of the installation.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = process.cwd()

/** Returns the names of the packages that a package cannot run without, or may use if there. */
function needsOf(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = manifest
  const peers = Object.keys(peerDependencies ?? {}).filter(
    (name) => peerDependenciesMeta?.[name]?.optional !== true,
  )
  return {
    required: [...Object.keys(dependencies ?? {}), ...peers].filter(
      (name) => optionalDependencies?.[name] === undefined,
    ),
    optional: Object.keys(optionalDependencies ?? {}),
  }
}

/** Returns the folder of a package as Node.js finds it from another folder. */
function find(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name)
    if (existsSync(join(path, 'package.json'))) return path
    if (folder === root) return undefined
  }
}

/** Returns the folders of all installed packages, also the nested ones. */
function installed(folder) {
  const modules = join(folder, 'node_modules')
  if (!existsSync(modules)) return []
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(modules, name)).map((inner) => join(modules, name, inner))
        : [join(modules, name)],
    )
    .flatMap((path) => [path, ...installed(path)])
}

const needed = new Set()
const waiting = [root]
for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
  const { required, optional } = needsOf(folder)
  for (const name of [...required, ...optional]) {
    const path = find(name, folder)
    if (path === undefined && required.includes(name)) {
      console.error(`${name} is not installed: run "npm ci" first. No package was removed.`)
      process.exit(1)
    }
    if (path === undefined || needed.has(path)) continue
    needed.add(path)
    waiting.push(path)
  }
}

const removed = installed(root).filter((path) => !needed.has(path))
for (const path of removed) rmSync(path, { recursive: true, force: true })
const bin = join(root, 'node_modules/.bin')
for (const name of existsSync(bin) ? readdirSync(bin) : [])
  if (!existsSync(join(bin, name))) rmSync(join(bin, name))
// npm's list of installed packages is no longer true. Without the list, npm looks for itself.
rmSync(join(root, 'node_modules/.package-lock.json'), { force: true })
console.log(`Removed ${removed.length} packages that only optional peers need.`)
