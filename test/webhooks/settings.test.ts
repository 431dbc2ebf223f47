import t from 'tap'
import { loadConfig } from '../../src/config.js'
import { webhookSecret } from '../support/receiver.js'
import { refused } from '../support/refused-settings.js'
import { everyRowIs } from '../support/table.js'

const rows = (values: string[]) => values.map((value) => [value, value] as const)

t.test('WEBHOOK_URLS are http or https URLs', async (t) => {
  const good = [
    'https://app.example.com/hooks',
    'http://10.0.0.7:8080',
    'http://[::1]/x?tenant=a%2Cb',
    'https://user:p%40ss@app.example.com/hooks',
    'https://a.example/1, https://a.example/2,https://b.example/1',
    'https://a.example?a,https://a.example?b',
  ]
  const bad = [
    'app.example.com',
    'ftp://app.example.com',
    'file:///etc/passwd',
    'https://',
    'https:///x',
    'https://a.example/#x',
    'https://a.example/a b',
    'https://a.example\\x',
    'https://us%er@a.example',
    'https://u:%ff@a.example',
    'javascript:alert(1)',
    'https://a.example/1,nonsense',
    'https://a.example/1,https://a.example/1',
    'https://a.example,https://A.example:443/',
    'https://u@a.example,https://v@a.example',
    `https://a.example/${'x'.repeat(2000)}`,
    Array.from({ length: 17 }, (_, index) => `https://a.example/${index}`).join(','),
  ]
  const WEBHOOK_SECRET = webhookSecret
  const check = (WEBHOOK_URLS: string) => refused({ WEBHOOK_URLS, WEBHOOK_SECRET })
  await everyRowIs(t, rows(good), [], check, 'accepted')
  await everyRowIs(t, rows(bad), ['WEBHOOK_URLS'], check, 'refused')
})

t.test('WEBHOOK_SECRET is one or two secrets of the standard', async (t) => {
  const WEBHOOK_URLS = 'https://a.example'
  const other = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
  const check = (WEBHOOK_SECRET: string) => refused({ WEBHOOK_URLS, WEBHOOK_SECRET })
  await everyRowIs(t, rows([other, `${other}, ${webhookSecret}`]), [], check, 'accepted')
  const bad = [
    'secret',
    `${other},secret`,
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `${other},${other},${other}`,
    other.toUpperCase(),
  ]
  await everyRowIs(t, rows(['', ...bad]), ['WEBHOOK_SECRET'], check, 'refused')
  const alone = (WEBHOOK_SECRET: string) => refused({ WEBHOOK_SECRET })
  await everyRowIs(t, rows(bad), ['WEBHOOK_SECRET'], alone, 'refused without a URL, too')
  t.strictSame(loadConfig({ WEBHOOK_SECRET: other }).WEBHOOK_URLS, [], 'a secret alone is no fault')
})

t.test('no refusal shows a value', async (t) => {
  for (const env of [
    { WEBHOOK_URLS: 'https://u:hunter2@a.example/#', WEBHOOK_SECRET: webhookSecret },
    { WEBHOOK_URLS: 'https://a.example', WEBHOOK_SECRET: 'hunter2' },
  ])
    t.throws(() => loadConfig(env), { message: /^(?![^]*hunter2)/ })
})
