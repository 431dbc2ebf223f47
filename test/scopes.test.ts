import t from 'tap'
import { findScopeError, maxScopeCharacters, maxScopes } from '../src/scopes.js'

t.test('a list of scopes has bounds', async (t) => {
  const many = (count: number, length: number) =>
    Array.from({ length: count }, (_, index) => `${index}:`.padEnd(length, 'x'))
  const rows: Array<[scopes: string[], error: RegExp | null]> = [
    [[], null],
    [['users:read', 'https://example.org/a'], null],
    [many(maxScopes, 4), null],
    [['a b'], /printable ASCII/],
    [['"'], /printable ASCII/],
    [[''], /printable ASCII/],
    [['x'.repeat(65)], /64 characters/],
    [['a', 'a'], /twice/],
    [many(maxScopes + 1, 4), /at most \d+ scopes/],
    [many(Math.floor(maxScopeCharacters / 60) + 1, 60), /characters in all scopes/],
  ]
  for (const [scopes, error] of rows) {
    const found = findScopeError(scopes)
    const name = JSON.stringify(scopes).slice(0, 60)
    if (error === null) t.equal(found, null, name)
    else t.match(found, error, name)
  }
})
