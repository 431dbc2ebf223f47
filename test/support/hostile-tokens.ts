import { constants, createPrivateKey, sign as signBytes } from 'node:crypto'
import { encode, forge, hmac, makeJwk, publicPart, type Signer, signer } from './forge.js'
import type { Forger } from './forger.js'
import { nameOf } from './table.js'

/** The `typ` of every kind of token. */
export const kinds = [
  'at+jwt',
  'rt+jwt',
  'reset+jwt',
  'verify+jwt',
  'email+jwt',
  'undo+jwt',
  'signup+jwt',
  'device+jwt',
] as const

/** A hostile token and what is bad about it. */
export type HostileRow = [name: string, token: string]
/** A good token in parts, and how to forge it again with changes. */
export type TokenParts = Pick<Forger, 'make' | 'header' | 'claims' | 'jwk'>

const none: Signer = () => Buffer.alloc(0)

function headers({ make, header, claims, jwk }: TokenParts): HostileRow[] {
  const own = signer(jwk)
  const typ = String(header.typ)
  const stranger = makeJwk(header.alg as 'ES256')
  const hashes = {
    HS256: 'sha256',
    HS384: 'sha384',
    HS512: 'sha512',
    RS256: 'sha256',
    RS384: 'sha384',
    RS512: 'sha512',
    ES256: 'sha256',
    ES384: 'sha384',
    ES512: 'sha512',
    ES256K: 'sha256',
    EdDSA: 'sha512',
    Ed25519: 'sha512',
    Ed448: 'sha512',
  }
  const key = createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' })
  const pss: Signer = (input) =>
    signBytes('sha256', Buffer.from(input), {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 32,
    })
  const raw = (text: string | Buffer) => forge(text, claims, own)
  return [
    ...Object.entries(hashes)
      .filter(([alg]) => alg !== header.alg)
      .map(([alg, hash]): HostileRow => [
        `alg ${alg}`,
        make({ header: { alg }, sign: signer(jwk, hash) }),
      ]),
    ['alg PS256', make({ header: { alg: 'PS256' }, sign: jwk.kty === 'RSA' ? pss : own })],
    ...[
      'eddsa',
      'es256',
      'rs256',
      'ES256 ',
      '',
      undefined,
      null,
      5,
      true,
      [header.alg],
      { alg: header.alg },
    ].map((alg): HostileRow => [`alg ${JSON.stringify(alg)}`, make({ header: { alg } })]),
    ...['none', 'None', 'NONE', 'nOnE', 'noNE'].flatMap((alg): HostileRow[] => [
      [`alg ${alg}`, make({ header: { alg } })],
      [`alg ${alg} without signature`, make({ header: { alg }, sign: none })],
      [`alg ${alg} without kid`, make({ header: { alg, kid: undefined }, sign: none })],
    ]),
    ...[
      ...kinds.filter((kind) => kind !== typ),
      'dpop+jwt',
      'JWT',
      'jwt',
      typ.slice(0, 2),
      `${typ} `,
      `${typ}x`,
      'application/jwt',
      `x/${typ}`,
      '',
      undefined,
      null,
      5,
      [typ],
      { toLowerCase: 1 },
    ].map((other): HostileRow => [
      `typ ${JSON.stringify(other)}`,
      make({ header: { typ: other } }),
    ]),
    ...[
      '',
      'x',
      '../../dev/null',
      '/dev/null',
      "' or 1=1 --",
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      '\0',
      '\u{1f511}',
      `${header.kid as string}\n`,
      ` ${header.kid as string}`,
      'k'.repeat(1500),
      'k'.repeat(7000),
      undefined,
      null,
      0,
      -1,
      true,
      [header.kid],
      {},
      { toString: header.kid },
    ].map((kid): HostileRow => [`kid ${nameOf(kid)}`, make({ header: { kid } })]),
    ...['', 'x', '__proto__', undefined].map((kid): HostileRow => [
      `kid ${kid} and a secret that is empty`,
      make({ header: { kid, alg: 'HS256' }, sign: hmac('') }),
    ]),
    ...[[], ['x'], ['exp'], ['b64'], ['alg'], 'x', '', null, 0, {}].map((crit): HostileRow => [
      `crit ${JSON.stringify(crit)}`,
      make({ header: { crit, x: 1, exp: 1, b64: true } }),
    ]),
    ['an unencoded payload (RFC 7797)', make({ header: { b64: false, crit: ['b64'] } })],
    ['a key of its own', make({ header: { jwk: publicPart(stranger) }, sign: signer(stranger) })],
    [
      'a key of its own and no kid',
      make({ header: { jwk: publicPart(stranger), kid: undefined }, sign: signer(stranger) }),
    ],
    [
      'our key in the header and no kid',
      make({ header: { jwk: publicPart(jwk), kid: undefined } }),
    ],
    ['the key of a stranger', make({ sign: signer(stranger) })],
    ...[
      '[]',
      'null',
      '"x"',
      '5',
      'true',
      '{',
      '',
      '{}',
      `[${JSON.stringify(header)}]`,
      `${JSON.stringify(header)} x`,
      `\ufeff${JSON.stringify(header)}`,
    ].map((text): HostileRow => [`header ${nameOf(text)}`, raw(text)]),
    [
      'a header that is no UTF-8',
      raw(
        Buffer.concat([
          Buffer.from(JSON.stringify(header).slice(0, -1)),
          Buffer.from(',"x":"\xff"}', 'latin1'),
        ]),
      ),
    ],
    ['a header in UTF-16', raw(Buffer.from(JSON.stringify(header), 'utf16le'))],
    ['alg twice, the last is none', raw(JSON.stringify(header).replace(/}$/, ',"alg":"none"}'))],
    [
      'alg by the prototype',
      raw(
        JSON.stringify({ typ: header.typ, kid: header.kid }).replace(
          /}$/,
          `,"__proto__":{"alg":"${header.alg as string}"}}`,
        ),
      ),
    ],
    ['a header nested deep', raw(`{"x":${'['.repeat(1000)}${']'.repeat(1000)}}`)],
  ]
}

function signatures({ make, header, jwk }: TokenParts): HostileRow[] {
  const good = make()
  const [head = '', body = '', signature = ''] = good.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const flip = (at: number) =>
    Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))).toString('base64url')
  const order = Buffer.from(
    'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
    'hex',
  )
  const key = createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' })
  const spliced = (text: string) => `${head}.${body}.${text}`
  return [
    ['no signature', spliced('')],
    ['no signature and no dot', `${head}.${body}`],
    ['a zero', spliced('AA')],
    ...[0, 1, 255].map((value): HostileRow => [
      `all bytes ${value}`,
      spliced(Buffer.alloc(bytes.length, value).toString('base64url')),
    ]),
    [
      'r and s are the order of the curve',
      spliced(Buffer.concat([order, order]).toString('base64url')),
    ],
    ...[0, 31, 32, bytes.length - 1].map((at): HostileRow => [
      `bit ${at * 8} flipped`,
      spliced(flip(at)),
    ]),
    ['cut short', spliced(bytes.subarray(0, -1).toString('base64url'))],
    ['a byte more', spliced(Buffer.concat([bytes, Buffer.alloc(1)]).toString('base64url'))],
    ['a zero before', spliced(Buffer.concat([Buffer.alloc(1), bytes]).toString('base64url'))],
    ['twice', spliced(Buffer.concat([bytes, bytes]).toString('base64url'))],
    [
      'halves exchanged',
      spliced(
        Buffer.concat([
          bytes.subarray(bytes.length / 2),
          bytes.subarray(0, bytes.length / 2),
        ]).toString('base64url'),
      ),
    ],
    ['padded', `${good}==`],
    [
      'another spelling of the last letter',
      `${good.slice(0, -1)}${String.fromCharCode(good.charCodeAt(good.length - 1) + 1)}`,
    ],
    ['in hexadecimal', spliced(bytes.toString('hex'))],
    ['of the payload alone', spliced(signer(jwk)(body).toString('base64url'))],
    ['of another token', spliced(make({ claims: { sub: 'x' } }).split('.')[2] ?? '')],
    ['another payload', `${head}.${encode({ sub: 'x' })}.${signature}`],
    ['another header', `${encode({ ...header, x: 1 })}.${body}.${signature}`],
    ['parts in another order', `${body}.${head}.${signature}`],
    ['JSON serialisation', JSON.stringify({ protected: head, payload: body, signature })],
    ['five parts', `${good}.AA.AA`],
    ...(jwk.kty === 'EC'
      ? [
          [
            'in DER',
            make({ sign: (input) => signBytes('sha256', Buffer.from(input), key) }),
          ] as HostileRow,
        ]
      : []),
  ]
}

function payloads({ claims, header, jwk }: TokenParts): HostileRow[] {
  const text = JSON.stringify(claims)
  const plus = (members: string) => text.replace(/}$/, `,${members}}`)
  const now = claims.iat as number
  const rows: Array<[string, string | Buffer]> = [
    ...[
      '[]',
      'null',
      '"x"',
      '5',
      'true',
      '{}',
      '{',
      'x',
      ' ',
      `[${text}]`,
      `"${encode(text)}"`,
      `${text}${text}`,
      `\ufeff${text}`,
    ].map((payload): [string, string] => [nameOf(payload), payload]),
    [
      'no UTF-8',
      Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"x":"\xff"}', 'latin1')]),
    ],
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['exp twice, the last is over', plus(`"exp":${now - 3600}`)],
    ['exp beyond all numbers', plus('"exp":1e999')],
    ['exp is not a number', text.replace(/"exp":\d+/, '"exp":NaN')],
    ['claims by the prototype', `{"__proto__":${text}}`],
    ['nested deep', plus(`"exp":${'['.repeat(1000)}${']'.repeat(1000)}`)],
  ]
  return rows.map(([name, payload]) => [name, forge(header, payload, signer(jwk))])
}

/**
 * Tokens that anyone, or a signer gone wrong, can make of a good one, each bad in one way: name
 * and token, by the part that is bad.
 */
export function hostileTokens(parts: TokenParts): Record<string, HostileRow[]> {
  return { header: headers(parts), signature: signatures(parts), payload: payloads(parts) }
}
