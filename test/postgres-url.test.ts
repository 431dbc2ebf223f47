import t from 'tap'
import { readPostgresUrl, withParameter } from '../src/postgres-url.js'

const read = (url: string) => readPostgresUrl(url)
const urls = (url: string) => read(url)?.urls ?? null

t.test('one host', async (t) => {
  for (const url of [
    'postgresql://h/d',
    'postgres://u:p@h:5433/d',
    'postgresql://u:p%40%3A%2F%3F%23%25@h/d',
    'postgresql://u:p@[2001:db8::1]:5432/d',
    'postgresql://u:p@[2001:db8::1]/d',
    'postgresql://u:p@h',
    'postgresql://h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem',
    'postgresql://h/d?options=-c%20search_path%3Dx',
    'postgresql://h/d?statement_timeout=&idle_in_transaction_session_timeout=',
  ])
    t.same(urls(url), [url], url)
})

t.test('several hosts, as libpq names them', async (t) => {
  const cases: Array<[string, string[]]> = [
    [
      'postgresql://u:p@a:5432,b:5433/d?target_session_attrs=read-write',
      ['postgresql://u:p@a:5432/d', 'postgresql://u:p@b:5433/d'],
    ],
    ['postgresql://a,b:6000/d', ['postgresql://a/d', 'postgresql://b:6000/d']],
    ['postgres://u@[::1]:1,[::2]/d', ['postgres://u@[::1]:1/d', 'postgres://u@[::2]/d']],
    ['postgresql://a,b/d?port=6000', ['postgresql://a:6000/d', 'postgresql://b:6000/d']],
    ['postgresql://u:p@[::1]:5432/d?host=/run', ['postgresql://u:p@/d?host=%2Frun']],
    [
      'postgresql://a,b:3,c/d?port=1,2',
      ['postgresql://a:1/d', 'postgresql://b:3/d', 'postgresql://c/d'],
    ],
    ['postgresql:///d?host=a,b&port=1,2', ['postgresql://a:1/d', 'postgresql://b:2/d']],
    ['postgresql:///d?host=a,::1&port=1', ['postgresql://a:1/d', 'postgresql://[::1]:1/d']],
    [
      'postgresql://a,b/d?sslmode=require&target_session_attrs=any',
      ['postgresql://a/d?sslmode=require', 'postgresql://b/d?sslmode=require'],
    ],
  ]
  for (const [url, expected] of cases) t.same(urls(url), expected, url)
})

t.test('sockets', async (t) => {
  const cases: Array<[string, string[]]> = [
    ['postgresql:///d?host=/run/postgresql', ['postgresql:///d?host=%2Frun%2Fpostgresql']],
    [
      'postgresql://u:p@/d?host=/run/postgresql&port=5433',
      ['postgresql://u:p@/d?host=%2Frun%2Fpostgresql&port=5433'],
    ],
    [
      'postgresql:///d?host=/run/postgresql,other',
      ['postgresql:///d?host=%2Frun%2Fpostgresql', 'postgresql://other/d'],
    ],
  ]
  for (const [url, expected] of cases) t.same(urls(url), expected, url)
})

t.test('the URLs of hosted databases are taken as they are', async (t) => {
  t.match(read('postgresql://u:p@ep-x.neon.tech/d?sslmode=require&channel_binding=require'), {
    urls: ['postgresql://u:p@ep-x.neon.tech/d?sslmode=require'],
    ignored: ['channel_binding'],
  })
  t.match(
    read(
      'postgresql://postgres.x:p@y.pooler.supabase.com:6543/d?pgbouncer=true&connection_limit=5',
    ),
    {
      urls: ['postgresql://postgres.x:p@y.pooler.supabase.com:6543/d'],
      ignored: ['pgbouncer'],
      maxConnections: 5,
    },
  )
  t.match(read('postgresql://u:p@h/d?schema=auth'), {
    urls: ['postgresql://u:p@h/d'],
    schema: 'auth',
  })
  t.match(read('postgresql://u:p@h/d?schema='), { schema: null, maxConnections: null })
})

t.test('the name has neither user, password nor parameters', async (t) => {
  t.equal(read('postgresql://u:p@a:1,b/d?sslmode=require')?.name, 'postgresql://a:1,b/d')
})

t.test('others are refused', async (t) => {
  for (const url of [
    'mysql://h/d',
    'postgresql://a,,b/d',
    'postgresql://,a/d',
    'postgresql://a,b:99999/d',
    'postgresql://a:x/d',
    'postgresql://a:1:2/d',
    'postgresql://a b/d',
    'postgresql://[::1/d',
    'postgresql://h/d#part',
    'postgresql://u:p#q@h/d',
    'postgresql://u:p/q@h/d',
    'postgresql://h/d?sslmod=require',
    'postgresql://h/d?sslmode=verify_full',
    'postgresql://h/d?sslmode=REQUIRE',
    'postgresql://h/d?sslmode=',
    'postgresql://h/d?target_session_attrs=standby',
    'postgresql://h/d?target_session_attrs=read-only',
    'postgresql://h/d?connection_limit=0',
    'postgresql://h/d?connection_limit=many',
    'postgresql:///d?host=a,b,c&port=1,2',
  ])
    t.equal(read(url), null, url)
})

t.test('a parameter is replaced', async (t) => {
  t.equal(
    withParameter('postgresql://h/d', 'options', () => '-c a=b'),
    'postgresql://h/d?options=-c%20a%3Db',
  )
  t.equal(
    withParameter('postgresql://h/d?options=x&ssl=1', 'options', (present) => `${present} y`),
    'postgresql://h/d?options=x%20y&ssl=1',
  )
})
