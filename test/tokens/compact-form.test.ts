import t from 'tap'
import { isCompactJwe, isCompactJws } from '../../src/tokens/compact-form.js'

// RFC 7515, appendix A.3.1.
const good =
  'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'
const [header, payload, signature] = good.split('.') as [string, string, string]
const bytes = (...values: number[]) => Buffer.from(values).toString('base64url')

const rows: Array<[string, string, boolean]> = [
  ['the token of RFC 7515', good, true],
  ['the shortest', 'AA.AA.AA', true],
  ['a signature that is no UTF-8', `AA.AA.${bytes(0xff, 0xfe)}`, true],
  ['text beyond ASCII', `${bytes(0xc3, 0xa9)}.${bytes(0xf0, 0x9f, 0x94, 0x91)}.AA`, true],
  ['the longest', `AA.${'A'.repeat(4090)}.AA`, true],
  ['one group longer', `AA.${'A'.repeat(4092)}.AA`, false],
  ['nothing', '', false],
  ['one part', header, false],
  ['two parts', `${header}.${payload}`, false],
  ['no signature', `${header}.${payload}.`, false],
  ['no payload, RFC 7515 appendix F', `${header}..${signature}`, false],
  ['no header', `.${payload}.${signature}`, false],
  ['four parts', `${good}.AA`, false],
  ['five parts, a JWE', `${good}.AA.AA`, false],
  ['a dot too many', `${good}.`, false],
  ['padding', 'AA==.AA==.AA==', false],
  ['padding of the signature', `${good}==`, false],
  ['the other alphabet', `AA.AA.${signature.replace('-', '+')}`, false],
  ['a space before', ` ${good}`, false],
  ['a space inside', good.replace('.', '. '), false],
  ['a line end after', `${good}\n`, false],
  ['a line end inside', good.replace('.', '.\n'), false],
  ['a NUL', `${good}\0`, false],
  ['letters beyond ASCII', `${good}é`, false],
  ['unused bits of the header', `AB.AA.${signature}`, false],
  ['unused bits of the payload', 'AA.AB.AA', false],
  ['unused bits of the signature', good.replace(/Q$/, 'R'), false],
  ['a lone last letter', 'AAAAA.AA.AA', false],
  ['a header that is no UTF-8', `${bytes(0xff)}.AA.AA`, false],
  ['a payload that is no UTF-8', `AA.${bytes(0x22, 0xc3, 0x22)}.AA`, false],
  ['a lone surrogate, as CESU-8', `AA.${bytes(0xed, 0xa0, 0x80)}.AA`, false],
  ['JSON serialisation', JSON.stringify({ protected: header, payload, signature }), false],
]

for (const [name, token, expected] of rows) t.equal(isCompactJws(token), expected, name)

const vector = 'A'.repeat(16)
const tag = 'A'.repeat(22)
const sealed: Array<[string, string, boolean]> = [
  ['the shortest', `AA..${vector}.AA.${tag}`, true],
  ['what is encrypted is no UTF-8', `AA..${vector}.${bytes(0xff)}.${tag}`, true],
  ['the longest', `AA..${vector}.${'A'.repeat(4052)}.${tag}`, true],
  ['one group longer', `AA..${vector}.${'A'.repeat(4056)}.${tag}`, false],
  ['the token of RFC 7515', good, false],
  ['nothing', '', false],
  ['no header', `..${vector}.AA.${tag}`, false],
  ['a header that is no UTF-8', `${bytes(0xff)}..${vector}.AA.${tag}`, false],
  ['an encrypted key', `AA.AA.${vector}.AA.${tag}`, false],
  ['a shorter vector', `AA..${vector.slice(1)}.AA.${tag}`, false],
  ['a longer vector', `AA..${vector}A.AA.${tag}`, false],
  ['nothing encrypted', `AA..${vector}..${tag}`, false],
  ['a shorter tag', `AA..${vector}.AA.${tag.slice(1)}`, false],
  ['unused bits of the header', `AB..${vector}.AA.${tag}`, false],
  ['unused bits of what is encrypted', `AA..${vector}.AB.${tag}`, false],
  ['unused bits of the tag', `AA..${vector}.AA.${tag.slice(1)}B`, false],
  ['padding', `AA..${vector}.AA==.${tag}`, false],
  ['a line end after', `AA..${vector}.AA.${tag}\n`, false],
  ['six parts', `AA..${vector}.AA.${tag}.AA`, false],
]

for (const [name, token, expected] of sealed) t.equal(isCompactJwe(token), expected, `JWE: ${name}`)
