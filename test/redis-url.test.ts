import t from 'tap'
import { readSentinelUrl } from '../src/redis-url.js'

t.test('Redis behind Sentinel', async (t) => {
  t.strictSame(readSentinelUrl('redis+sentinel://one:26380,two,[::1]:1/shared'), {
    sentinels: [
      { host: 'one', port: 26380 },
      { host: 'two', port: 26379 },
      { host: '::1', port: 1 },
    ],
    name: 'shared',
    db: 0,
    isEncrypted: false,
  })
  t.strictSame(
    readSentinelUrl(
      'rediss+sentinel://u:p%40%3A:x@one/shared/3?sentinel_username=s&sentinel_password=q%26',
    ),
    {
      sentinels: [{ host: 'one', port: 26379 }],
      name: 'shared',
      username: 'u',
      password: 'p@::x',
      sentinelUsername: 's',
      sentinelPassword: 'q&',
      db: 3,
      isEncrypted: true,
    },
  )
  t.match(readSentinelUrl('redis+sentinel://user@one/shared'), { username: 'user' })
})

t.test('others are refused', async (t) => {
  for (const url of [
    'redis://h',
    'redis+sentinel://one',
    'redis+sentinel://one/',
    'redis+sentinel:///shared',
    'redis+sentinel://one,,two/shared',
    'redis+sentinel://one:0/shared',
    'redis+sentinel://one:99999/shared',
    'redis+sentinel://one/shared/x',
    'redis+sentinel://one/a b',
    'redis+sentinel://one/shared?sentinelPassword=x',
    'redis+sentinel://one/shared#x',
  ])
    t.equal(readSentinelUrl(url), null, url)
})
