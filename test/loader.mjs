// The hooks of Node's loader in a test: packages of many modules come as one file each, and
// TypeScript is compiled once for all tests instead of once in each.
// https://nodejs.org/docs/latest-v20.x/api/module.html#customization-hooks
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fileOf, packages } from './one-file.mjs'

const root = new URL('..', import.meta.url)
const cache = new URL('../node_modules/.cache/latchkey/compiled/', import.meta.url)
// Set in .taprc, so that tap does not compile itself. It loads the TypeScript compiler to do so.
const compiles = process.env.TAP_TYPE_STRIP_ONLY === '1'

export async function resolve(specifier, context, next) {
  if (packages.includes(specifier) && existsSync(fileOf(specifier)))
    return { url: fileOf(specifier).href, shortCircuit: true }
  const { parentURL = '' } = context
  if (isMocked(specifier) || isMocked(parentURL))
    return await next(specifier, context).catch((error) => {
      const source = sourceOf(error.url ?? '')
      if (source === null) throw error
      return { url: source, format: 'module' }
    })
  const source = /^(\.\.?\/|file:)/.test(specifier) && sourceOf(specifier, parentURL)
  return source
    ? { url: source, format: 'module', shortCircuit: true }
    : await next(specifier, context)
}

export async function load(url, context, next) {
  if (!compiles || !isSource(url)) return await next(url, context)
  const source = readFileSync(new URL(url), 'utf8')
  return { format: 'module', source: await compile(url, source), shortCircuit: true }
}

/** Modules of tap's mockImport. They pass through the hooks of tap, which compare the names. */
function isMocked(url) {
  return url.includes('?tapmock=')
}

/** The TypeScript file that `x.js` stands for, if there is one. */
function sourceOf(name, parent) {
  if (!compiles || !/\.js(\?|$)/.test(name)) return null
  const url = new URL(name.replace(/\.js(?=\?|$)/, '.ts'), parent)
  return isSource(url.href) && existsSync(url) ? url.href : null
}

function isSource(url) {
  return url.startsWith(root.href) && !url.includes('/node_modules/') && /\.ts($|\?)/.test(url)
}

/** Compiles as tap does: coverage counts the same branches. */
async function compile(url, source) {
  const cached = new URL(url.slice(root.href.length).replace(/\?.*/, ''), cache)
  const hash = `//${createHash('sha1').update(source).digest('hex')}`
  const earlier = existsSync(cached) ? readFileSync(cached, 'utf8') : ''
  if (earlier.endsWith(hash)) return earlier
  const { transformSync } = (await import('@swc/core')).default
  const { code } = transformSync(source, {
    filename: fileURLToPath(url),
    swcrc: false,
    sourceMaps: 'inline',
    module: { type: 'es6' },
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022', keepClassNames: true },
  })
  const compiled = `${code}\n${hash}`
  const draft = new URL(`${cached.href}.${process.pid}`)
  mkdirSync(new URL('.', draft), { recursive: true })
  writeFileSync(draft, compiled)
  renameSync(draft, cached)
  return compiled
}
