import { mock } from 'node:test'
import t from 'tap'
import { limits } from '../../src/limits/table.js'
import { callerNetwork, createProxyTrust, networkOf } from '../../src/limits/network.js'
import { buildTestApp, frozenNow } from '../helper.js'

mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

/** Each network in every spelling that proxies and sockets give it. */
const networks: Array<[network: string, spellings: string[]]> = [
  [
    '203.0.113.7',
    [
      '203.0.113.7',
      ' 203.0.113.7 ',
      '"203.0.113.7"',
      '203.0.113.7:443',
      '"203.0.113.7:443"',
      '203.0.113.7:_port',
      '203.0.113.7:',
      '[203.0.113.7]',
      '[203.0.113.7]:443',
      '::ffff:203.0.113.7',
      '::FFFF:203.0.113.7',
      '::ffff:cb00:7107',
      '0:0:0:0:0:ffff:cb00:7107',
      '[::ffff:203.0.113.7]:443',
      '::ffff:203.0.113.7%eth0',
      '::ffff:0:203.0.113.7',
      '::203.0.113.7',
      '::cb00:7107',
      '64:ff9b::203.0.113.7',
      '64:ff9b::cb00:7107',
      '[64:FF9B::cb00:7107]:443',
      '2002:cb00:7107::1',
      '2002:cb00:7107:ffff:1:2:3:4',
      '2001::34ff:8ef8',
      '2001:0:4136:e378:8000:63bf:34ff:8ef8',
      '2001:0:1:2:3:4:34ff:8ef8',
    ],
  ],
  [
    '2001:db8:1:2::/64',
    [
      '2001:db8:1:2::',
      '2001:db8:1:2::1',
      '2001:DB8:1:2:3:4:5:6',
      '2001:0db8:0001:0002:0000::1',
      '[2001:db8:1:2::1]',
      '[2001:db8:1:2::1]:443',
      '"[2001:db8:1:2::1]:443"',
      '"[2001:db8:1:2::1]"',
      '[2001:db8:1:2::1]:_x',
      '2001:db8:1:2:3:4:5:6:443',
      '2001:db8:1:2::1:54321',
      '2001:db8:1:2:::443',
      '2001:db8:1:2::1%eth0',
      '2001:db8:1:2::1%br-lan',
      '[2001:db8:1:2::1%2]:443',
      '2001:db8:1:2::203.0.113.7',
    ],
  ],
  ['2001:db8:0:0::/64', ['2001:db8::', '2001:db8::1', '2001:db8:0:0:1::', '2001:db8::1:443']],
  ['0:0:0:0::/64', ['::', '::1', '0:0:0:0:1:2:3:4', '[::1]:443']],
  ['0:0:1:0::/64', ['::1:0:0:0:0:0']],
  ['fe80:0:0:0::/64', ['fe80::1', 'fe80::1%2']],
]

/** What proxies write where there is no address, and what programs read differently. */
const noAddresses = [
  'unknown',
  '_hidden',
  '"_SEVKISEK"',
  'unknown:80',
  '-',
  '""',
  '[]',
  '[]:80',
  '[unknown]:80',
  'localhost',
  'unix',
  ':443',
  '::fffff',
  '1.2.3',
  '1.2.3.4.5',
  '256.0.0.1',
  '3405803783',
  '0xcb007107',
  '0xcb.0.0x71.7',
  '0313.0.0161.07',
  '203.000.113.007',
  '203.0.113.7/32',
  '203.0.113.7 443',
  '[203.0.113.7',
  '203.0.113.7]',
  '[[::1]]',
  '::ffff:0xcb.0.113.7',
  'for=203.0.113.7',
  '203.0.113.7;x',
  ':'.repeat(16_000),
  `${'1:'.repeat(8000)}!`,
]

t.test('one network in all its spellings', async (t) => {
  for (const [network, spellings] of networks)
    for (const one of spellings) t.equal(networkOf(one), network, one)
})

t.test('text that is no address is no network', async (t) => {
  for (const text of [undefined, '', ' ', ...noAddresses])
    t.equal(networkOf(text), null, String(text).slice(0, 30))
})

t.test('a trusted proxy is one in every spelling, and nothing else is', async (t) => {
  const trusts = createProxyTrust([
    '10.0.0.0/8',
    '192.0.2.1',
    '2001:db8:1::/48',
    '::ffff:198.51.100.0/120',
    'fe80::1%eth0',
    '::ffff:0:0/90',
  ])
  for (const text of [
    '10.1.2.3',
    '10.1.2.3:443',
    '[10.1.2.3]:443',
    '::ffff:10.1.2.3',
    '::ffff:a01:203',
    '192.0.2.1',
    '192.0.2.1:1',
    '2001:db8:1:2::3',
    '[2001:db8:1:2::3]:443',
    '198.51.100.9',
    '[::ffff:198.51.100.9]:1',
    'fe80::1%eth0',
  ])
    t.ok(trusts(text), text)
  for (const text of [
    undefined,
    '',
    '11.0.0.1',
    '192.0.2.2',
    '2001:db8:2::1',
    '198.51.101.9',
    'fe80::1',
    'fe80::1%eth1',
    '64:ff9b::10.1.2.3',
    '2002:a01:203::1',
    '0x0a.1.2.3',
    '012.1.2.3',
    '10.1',
    '167772161',
    ...noAddresses,
  ])
    t.notOk(trusts(text), String(text).slice(0, 30))
  t.ok(createProxyTrust(['0.0.0.0/0'])('203.0.113.7'))
})

t.test('behind a trusted proxy, all spellings of a client share its limits', async (t) => {
  for (const [network, spellings] of networks) {
    const { call } = await buildTestApp(t, { env: { TRUST_PROXY: '127.0.0.1', LOG_LEVEL: 'warn' } })
    const statuses = []
    for (let index = 0; index < 15; index++)
      statuses.push(
        (
          await call('POST', '/login', {
            body: { email: 'ada@example.org', password: 'wrong' },
            headers: { 'x-forwarded-for': spellings[index % spellings.length] ?? '' },
          })
        ).statusCode,
      )
    t.strictSame([statuses.lastIndexOf(401), statuses.indexOf(429)], [10, 11], network)
  }
})

t.test(
  'behind proxies that write ports, the client counts, and what it says of itself does not',
  async (t) => {
    const { call } = await buildTestApp(t, {
      env: { TRUST_PROXY: '127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48', LOG_LEVEL: 'warn' },
    })
    const login = async (forwardedFor: string) =>
      (
        await call('POST', '/login', {
          body: { email: 'ada@example.org', password: 'wrong' },
          headers: { 'x-forwarded-for': forwardedFor },
        })
      ).statusCode
    const compared = []
    for (let index = 0; index < 20; index++)
      compared.push(
        await login(
          `198.51.100.${index}, 10.9.9.9, 203.0.113.5:${40_000 + index}, 10.0.0.1:443, [2001:db8:ffff::1]:${index}`,
        ),
      )
    t.strictSame([compared.lastIndexOf(401), compared.indexOf(429)], [10, 11])
    t.equal(await login('203.0.113.6:40000, 10.0.0.1:443'), 401, 'another client')
  },
)

t.test('an entry that is no address counts as the peer', async (t) => {
  const { call } = await buildTestApp(t, { env: { TRUST_PROXY: '127.0.0.1', LOG_LEVEL: 'warn' } })
  const statuses = []
  for (const text of noAddresses.filter((text) => text.length < 1000))
    statuses.push(
      (
        await call('POST', '/login', {
          body: { email: 'ada@example.org', password: 'wrong' },
          headers: { 'x-forwarded-for': text },
        })
      ).statusCode,
    )
  t.strictSame([statuses.lastIndexOf(401), statuses.indexOf(429)], [10, 11], 'all of them are one')
})

t.test(
  'behind a proxy that appends a port, guesses and mails of one client are limited',
  async (t) => {
    const { call } = await buildTestApp(t, { env: { TRUST_PROXY: '127.0.0.1', LOG_LEVEL: 'warn' } })
    let port = 40_000
    const send = async (url: string, body: object) =>
      (await call('POST', url, { body, headers: { 'x-forwarded-for': `203.0.113.5:${port++}` } }))
        .statusCode
    const guesses = []
    for (let index = 0; index < 15; index++)
      guesses.push(await send('/login', { email: 'ada@example.org', password: 'wrong' }))
    t.equal(
      guesses.filter((status) => status === 401).length,
      limits['password-email-network'].free + 1,
    )
    const mails = []
    for (let index = 0; index < 45; index++)
      mails.push(await send('/password/forgot', { email: `${index}@example.org` }))
    t.equal(mails.filter((status) => status === 202).length, limits['mail-network'].calls)
  },
)

t.test('a caller without any address is one network', async (t) => {
  t.equal(callerNetwork({ ip: 'unknown', socket: {} as never }), 'unknown')
})
