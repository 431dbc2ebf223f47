// Given to every test with --import (.taprc). What runs tests looks at every module in several
// ways, some milliseconds each. test/loader.mjs makes that cheaper.
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** Packages of many modules, none of which is imported by a path of its own. */
export const packages = ['typebox', '@libsql/hrana-client', 'jose']

/** Where the one file of a package is. test/before.ts makes it. */
export const fileOf = (name) =>
  new URL(`../node_modules/.cache/latchkey/${name}.mjs`, import.meta.url)

if (isMainThread) register('./loader.mjs', import.meta.url)
