import t from 'tap'
import { Webhook } from 'standardwebhooks'
import { isWebhookSecret, signWebhook } from '../../src/webhooks/signature.js'
import { everyRowIs } from '../support/table.js'

const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`

t.test('the known answer of the standard', async (t) => {
  t.equal(
    signWebhook(
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1614265330,
      '{"test": 2432232314}',
    ),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
})

t.test('a receiver with the old or the new secret takes a message of a rotation', async (t) => {
  const [before, after, other] = [secretOf(24), secretOf(64), secretOf(32)]
  const [id, seconds, body] = ['msg_1', Math.floor(Date.now() / 1000), '{"name":"Zoë 🎉"}']
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signWebhook([before, after], id, seconds, body),
  }
  for (const secret of [before, after])
    t.strictSame(new Webhook(secret).verify(body, headers), JSON.parse(body))
  t.throws(() => new Webhook(other).verify(body, headers))
  t.throws(() => new Webhook(before).verify(body.replace('Z', 'C'), headers), 'a changed body')
  t.throws(() => new Webhook(before).verify(body, { ...headers, 'webhook-id': 'msg_2' }))
})

t.test('a secret is whsec_ and the base64 of 24 to 64 bytes', async (t) => {
  const good = [24, 25, 26, 32, 64].map((bytes) => [`${bytes} bytes`, secretOf(bytes)] as const)
  const bad = [
    ['empty', ''],
    ['no bytes', 'whsec_'],
    ['23 bytes', secretOf(23)],
    ['65 bytes', secretOf(65)],
    ['no prefix', secretOf(32).slice(6)],
    ['another prefix', secretOf(32).replace('whsec', 'whpk')],
    ['upper case', secretOf(32).replace('whsec', 'WHSEC')],
    ['a space', `whsec_ ${secretOf(32).slice(6)}`],
    ['a sign that is not base64', secretOf(32).replace('B', '!')],
    ['base64url', `whsec_${Buffer.alloc(33, 255).toString('base64url')}`],
    ['without padding', secretOf(32).replace(/=+$/, '')],
    ['words', 'whsec_this is a secret of more than 24 letters'],
  ] as const
  await everyRowIs(t, good, true, isWebhookSecret, 'accepted')
  await everyRowIs(t, bad, false, isWebhookSecret, 'refused')
})
