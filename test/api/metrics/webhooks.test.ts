import t from 'tap'
import { createMetrics } from '../../../src/api/metrics/registry.js'
import type { ReceiverLoad } from '../../../src/webhooks/webhooks.js'

t.test('the state of each receiver of webhooks is shown', async (t) => {
  const loads: ReceiverLoad[] = [
    {
      receiver: '1',
      lagSeconds: 12.5,
      isPaused: false,
      outcomes: new Map([
        ['delivered', 3],
        ['timeout', 1],
      ]),
    },
    { receiver: '2', lagSeconds: 0, isPaused: true, outcomes: new Map() },
  ]
  const { text } = createMetrics({
    hashes: () => ({ inUse: 0, waiting: 0, shed: 0 }),
    mails: () => ({ waiting: 0, inDelivery: 0, sent: 0, lost: 0 }),
    acts: () => new Map(),
    revocations: () => ({ listed: 0, failed: 0 }),
    connections: null,
    webhooks: () => loads,
  })
  const lines = (await text()).split('\n').filter((line) => line.startsWith('latchkey_webhook'))
  t.strictSame(lines, [
    'latchkey_webhook_lag_seconds{receiver="1"} 12.5',
    'latchkey_webhook_lag_seconds{receiver="2"} 0',
    'latchkey_webhook_paused{receiver="1"} 0',
    'latchkey_webhook_paused{receiver="2"} 1',
    'latchkey_webhook_deliveries_total{receiver="1",outcome="delivered"} 3',
    'latchkey_webhook_deliveries_total{receiver="1",outcome="timeout"} 1',
  ])
})
