// Given to every test with --import (.taprc). What runs tests looks at every module in several
// ways, some milliseconds each; a package of hundreds of them costs a test file more than a second.
// So it gets such packages as one file each, which test/before.ts makes.
import { existsSync } from 'node:fs'
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** Packages of many modules, none of which is imported by a path of its own. */
export const packages = ['typebox', '@libsql/hrana-client']

/** Where the one file of a package is. */
export const fileOf = (name) =>
  new URL(`../node_modules/.cache/latchkey/${name}.mjs`, import.meta.url)

/**
 * The hook of Node's loader:
 * https://nodejs.org/docs/latest-v20.x/api/module.html#resolvespecifier-context-nextresolve
 */
export async function resolve(specifier, context, next) {
  if (packages.includes(specifier) && existsSync(fileOf(specifier)))
    return { url: fileOf(specifier).href, shortCircuit: true }
  return await next(specifier, context)
}

// The hooks have a thread of their own, which reads this file again.
if (isMainThread) register(import.meta.url)
