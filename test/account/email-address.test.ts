import t from 'tap'
import { canonicalEmail, mailboxOf, requireEmail } from '../../src/account/email-address.js'
import { Problem } from '../../src/errors.js'

const printable = (text: string) =>
  JSON.stringify(text).replace(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16)}`)

const long = (local: number, domain: number) => `${'a'.repeat(local)}@${'b'.repeat(domain - 4)}.org`

t.test('addresses and the one spelling under which they are kept', async (t) => {
  const rows: Array<[typed: string, kept: string]> = [
    ['ada@example.org', 'ada@example.org'],
    [' \t\r\nAda@Example.ORG\u00a0\u3000\n', 'ada@example.org'],
    ['ada+tag@example.org', 'ada+tag@example.org'],
    ["o'brien.x_y-z/!#$%&*=?^`{|}~@example.org", "o'brien.x_y-z/!#$%&*=?^`{|}~@example.org"],
    ['a@mail.sub.example.co.uk', 'a@mail.sub.example.co.uk'],
    ['Jose\u0301@example.org', 'jos\u00e9@example.org'],
    // One lower case that is two characters, one that has no upper case in common use, and one that
    // depends on its place in the word.
    ['\u0130@example.org', 'i\u0307@example.org'],
    ['STRA\u1e9eE@example.org', 'stra\u00dfe@example.org'],
    ['\u039d\u0399\u039a\u039f\u03a3@example.org', '\u03bd\u03b9\u03ba\u03bf\u03c2@example.org'],
    ['\u03c3\u03c2@example.org', '\u03c3\u03c2@example.org'],
    // What NFC leaves in two characters.
    ['\u0958@example.org', '\u0915\u093c@example.org'],
    ['ada@B\u00dcCHER.example', 'ada@xn--bcher-kva.example'],
    ['ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example'],
    ['ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example'],
    ['ada@stra\u00dfe.example', 'ada@xn--strae-oqa.example'],
    ['ada@\u4f8b\u3048.jp', 'ada@xn--r8jz45g.jp'],
    [long(64, 67), long(64, 67)],
    ['a@' + 'b'.repeat(63) + '.org', 'a@' + 'b'.repeat(63) + '.org'],
  ]
  for (const [typed, kept] of rows) {
    t.equal(canonicalEmail(typed), kept, JSON.stringify(typed))
    t.equal(canonicalEmail(kept), kept, 'once is enough')
  }
})

t.test('the length is that of RFC 5321: 64 octets before the @, 254 in all', async (t) => {
  const labels = (last: number) =>
    `${'b'.repeat(62)}.${'b'.repeat(62)}.${'b'.repeat(59)}.${'b'.repeat(last)}`
  const longest = `${'a'.repeat(64)}@${labels(3).replace(/b+$/, 'org')}`
  t.equal(longest.length, 254)
  t.equal(canonicalEmail(longest), longest)
  for (const address of [
    longest.replace('.org', 'b.org'),
    long(65, 11),
    `${'\u00e9'.repeat(33)}@example.org`,
  ])
    t.equal(canonicalEmail(address), null, `${address.length}`)
})

t.test('what is no address, or would be another one to another program', async (t) => {
  const refused = [
    '',
    '@',
    'a',
    'a@',
    '"ada"@example.org',
    '@example.org',
    ' @example.org',
    'a b@example.org',
    'a@exam ple.org',
    'a@@example.org',
    'a@b@example.org',
    'a@b.org@',
    '.a@example.org',
    'a.@example.org',
    'a..b@example.org',
    'a,b@example.org',
    'a;b@example.org',
    'a(b)@example.org',
    '<a@example.org>',
    'A <a@example.org>',
    'mailto:a@example.org',
    'a@example.org,b@example.org',
    // No name of the public DNS.
    'a@localhost',
    'a@example',
    'a@example.o',
    'a@example.123',
    'a@example.org.',
    'a@.example.org',
    'a@example..org',
    'a@-example.org',
    'a@example-.org',
    'a@ex_ample.org',
    'a@*.org',
    `a@${'b'.repeat(64)}.org`,
    'a@xn--a.org',
    'a@xn--.org',
    'a@xn--abc-.org',
    'a@sub.xn--0.pt',
    'a@xn--xn---epa.org',
    // Addresses of machines, in every spelling that a URL knows.
    'a@127.0.0.1',
    'a@[127.0.0.1]',
    'a@[IPv6:::1]',
    'a@[::1]',
    'a@2130706433',
    'a@0x7f.1',
    'a@127.1',
    // Read as a URL, each of these hosts would be example.org.
    'a@example.org/x',
    'a@example.org?x',
    'a@example.org#x',
    'a@example.org\\x',
    'a@ex%61mple.org',
    'a@example.org:80',
    'a@example.org:',
    'a@u:p@example.org',
    'a@exam\u00adple.org',
    'a@exam\tple.org',
    'a@exam\nple.org',
    // Look-alikes (CVE class of GHSA-7rqj-j65f-68wh).
    'a\uff20example.org',
    'a@example\uff0eorg',
    'a@example\u3002org',
    'a@example\uff61org',
    'a@\uff45xample.org',
    '\uff41@example.org',
    '\ufb01x@example.org',
    '\u2460@example.org',
    'a@\u2460.org',
    'a@example\u2024org',
    'a\ufe6bexample.org',
    '\u017ft@example.org',
    // Look-alikes that lower-casing or NFC would repair silently.
    '\u212aelvin@example.org',
    'a@\u212aelvin.org',
    '\u212bsa@example.org',
    'a@\u212bsa.org',
    '\u2126@example.org',
    '\u03f4@example.org',
    '\u1f71@example.org',
    '\uf900@example.org',
    '\u1fef@example.org',
    'a\u037e@example.org',
    // Invisible characters.
    ...[
      '\u00ad',
      '\u034f',
      '\u061c',
      '\u115f',
      '\u1160',
      '\u17b4',
      '\u17b5',
      '\u180b',
      '\u180e',
      '\u180f',
      '\u200b',
      '\u2060',
      '\u2065',
      '\u3164',
      '\ufe00',
      '\ufe0f',
      '\uffa0',
      '\ufff0',
      '\u{1d173}',
      '\u{e0000}',
      '\u{e0100}',
      '\u{e0fff}',
    ].flatMap((sign) => [
      `a${sign}@example.org`,
      `${sign}a@example.org`,
      `a${sign}b@example.org`,
      `a@exa${sign}mple.org`,
      `a@example.o${sign}rg`,
    ]),
    // Control, format, private, unassigned and broken characters.
    'a\0@example.org',
    'a@example.org\0',
    'a\r\nbcc:x@example.org',
    'a@example.org\r\nx',
    'a\x7f@example.org',
    'a\x1b[0m@example.org',
    'a\u202eb@example.org',
    'a\u2066b@example.org',
    'a\u200bb@example.org',
    'a@exa\u200dmple.org',
    'a\ufeffb@example.org',
    'a\ue000@example.org',
    'a\ud800@example.org',
    '\udc00a@example.org',
    'a@\ud800.org',
    'a\u2028b@example.org',
    '"a b"@example.org',
    '"a\r\nb"@example.org',
  ]
  for (const address of refused) t.equal(canonicalEmail(address), null, printable(address))
})

t.test('every character of Unicode is refused, or kept up to case and NFC', async (t) => {
  const wrong: string[] = []
  const bySpelling = new Map<string, string>()
  let kept = 0
  for (let code = 0; code <= 0x10ffff; code++) {
    const sign = String.fromCodePoint(code)
    const typed = `a${sign}b`
    const address = canonicalEmail(`${typed}@example.org`)
    if (address === null) continue
    kept++
    const expected = `${typed.normalize('NFC').toLowerCase().normalize('NFC')}@example.org`
    if (address !== expected || canonicalEmail(address) !== address) wrong.push(code.toString(16))
    if (address !== address.normalize('NFKC') || /[\p{C}\p{Z}\p{DI}]/u.test(address))
      wrong.push(code.toString(16))
    // No second code of the same sign.
    const plain = sign.normalize('NFKC')
    if (plain !== sign && [...plain].length === 1) wrong.push(code.toString(16))
    // Two characters may only share an address as upper and lower case of one letter.
    const lower = sign.toLowerCase().normalize('NFC')
    if ((bySpelling.get(address) ?? lower) !== lower) wrong.push(code.toString(16))
    bySpelling.set(address, lower)
  }
  t.ok(kept > 50_000, `${kept} characters are allowed`)
  t.strictSame(wrong, [])
})

t.test('a hostile length takes a time in proportion, not more (ASVS 1.3.12)', async (t) => {
  const hostile = (length: number) => [
    `a@a${'.a'.repeat(length / 2)}`,
    'a@'.repeat(length / 2),
    `${'a.'.repeat(length / 2)}@a.org`,
    `"${'\\a'.repeat(length / 2)}@a.org`,
    `a@${'\u00fc'.repeat(length)}.org`,
    `${'\u0958'.repeat(length)}@a.org`,
  ]
  const time = (length: number) => {
    const start = performance.now()
    for (const address of hostile(length)) t.equal(canonicalEmail(address), null)
    return performance.now() - start
  }
  time(10_000)
  const short = time(10_000)
  t.ok(time(100_000) < 100 * short + 50)
})

t.test('requireEmail points to the member', async (t) => {
  t.equal(requireEmail(' A@example.org'), 'a@example.org')
  t.throws(() => requireEmail('a@b'), new Problem('invalid_request'))
  try {
    requireEmail('a@b')
  } catch (error) {
    t.strictSame((error as Problem).extras, {
      errors: [{ pointer: '/email', detail: 'must be an e-mail address' }],
    })
  }
})

t.test('addresses that lead to one mailbox, and those that do not', (t) => {
  const rows: Array<[mailbox: string, addresses: string[]]> = [
    [
      'ada@example.org',
      [
        'ada@example.org',
        'ada+1@example.org',
        'ada+@example.org',
        'ada++@example.org',
        'ada+a+b@example.org',
        'ada+a-b.c@example.org',
      ],
    ],
    ['+ada@example.org', ['+ada@example.org', '+ada+1@example.org']],
    [
      'adalovelace@gmail.com',
      [
        'adalovelace@gmail.com',
        'ada.lovelace@gmail.com',
        'a.d.a.lovelace+x.y@gmail.com',
        'ada.lovelace@googlemail.com',
      ],
    ],
    ['ada.lovelace@example.org', ['ada.lovelace@example.org']],
    ['ada.lovelace@mail.gmail.com', ['ada.lovelace@mail.gmail.com']],
    ['anna-maria@example.org', ['anna-maria@example.org']],
    ['anna_maria@example.org', ['anna_maria@example.org', 'anna_maria+1@example.org']],
    ['jos\u00e9@xn--mnchen-3ya.example', ['jos\u00e9+1@xn--mnchen-3ya.example']],
  ]
  for (const [mailbox, addresses] of rows)
    for (const address of addresses) t.equal(mailboxOf(address), mailbox, address)
  t.end()
})
