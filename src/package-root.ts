import { existsSync } from 'node:fs'

/** The folder of package.json, found from the sources and from the bundle alike. */
export const packageRoot = findRoot(new URL('.', import.meta.url))

function findRoot(folder: URL): URL {
  return existsSync(new URL('package.json', folder)) ? folder : findRoot(new URL('..', folder))
}
