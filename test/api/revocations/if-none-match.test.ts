import t from 'tap'
import { matchesEntityTag } from '../../../src/api/revocations/if-none-match.js'

t.test('If-None-Match is a list of tags, compared weakly', async (t) => {
  const rows: Array<[header: string | undefined, matches: boolean]> = [
    [undefined, false],
    ['', false],
    ['W/"a"', true],
    ['"a"', true],
    [' W/"a" ', true],
    ['"b", W/"a"', true],
    ['"b",,\t"a",', true],
    ['*', true],
    [' * ', true],
    ['*, "b"', false],
    ['"b"', false],
    ['a', false],
    ['w/"a"', false],
    ['W/ "a"', false],
    ['"a', false],
    ['""a""', false],
    ["'a'", false],
    ['W/"A"', false],
    ['"b" "a"', false],
    ['\u0000"a"', false],
    [','.repeat(16_000), false],
    [`${'"'.repeat(15_000)},"a"`, true],
  ]
  for (const [header, matches] of rows)
    t.equal(matchesEntityTag(header, 'W/"a"'), matches, `${header?.slice(0, 20)}`)
})
