import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const pages = [
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...['docs', 'docs/decisions'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
]

t.test('every source file that the docs name exists', async (t) => {
  const named = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/`([a-z][\w.-]*(?:\/[\w.-]+)+\.m?ts)`/g)].map(
      ([, file = '']) => ({ page, file }),
    ),
  )
  t.ok(named.length > 10, 'the names are found')
  t.strictSame(
    named.filter(({ file }) => !existsSync(file) && !existsSync(`src/${file}`)),
    [],
    'names of files that are gone',
  )
})
