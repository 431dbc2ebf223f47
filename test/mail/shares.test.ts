import t from 'tap'
import { groups, type MailKind, type MailRequest } from '../../src/mail/kinds.js'
import { createShares } from '../../src/mail/shares.js'

const awaited = ['password reset', 'e-mail verification', 'sign-up', 'e-mail change'] as const
const notices = (Object.keys(groups) as MailKind[]).filter((kind) => groups[kind] === 'notice')

/** Takes places and counts the ones it got. */
function setUp() {
  const shares = createShares()
  const ask = (mail: MailRequest) => {
    const place = shares.take(mail)
    return 'refusal' in place ? place.refusal : 'ok'
  }
  const fill = (count: number, mail: (i: number) => MailRequest) =>
    Array.from({ length: count }, (_, i) => ask(mail(i))).filter((answer) => answer === 'ok').length
  return { shares, ask, fill }
}

t.test('every kind of mail to one address has places of its own', async (t) => {
  const { ask, fill } = setUp()
  for (const kind of Object.keys(groups) as MailKind[]) {
    t.equal(
      fill(50, () => ({ kind, to: 'ada' })),
      5,
      kind,
    )
    t.equal(ask({ kind, to: 'ada' }), 'too many mails of this kind to this address are waiting')
    t.equal(ask({ kind, to: 'bob' }), 'ok', 'another address')
  }
})

t.test('one account gets 20 places, beside those for first notices', async (t) => {
  for (const kind of Object.keys(groups) as MailKind[]) {
    const { ask, fill } = setUp()
    t.equal(
      fill(20, (i) => ({ kind: 'e-mail change', to: `${i}`, account: 'thief' })),
      20,
    )
    const mail = { kind, to: 'thief', account: 'thief' }
    if (notices.includes(kind)) t.equal(ask(mail), 'ok', `the first ${kind} has a place`)
    t.equal(ask(mail), 'too many mails of this account are waiting', kind)
    t.equal(ask({ ...mail, account: 'other' }), 'ok', `${kind} of another account`)
  }
})

t.test('a notice to the owner has a place when a thief has filled every share', async (t) => {
  // The thief has the password and 10 mailboxes, so the thief can cause every kind of mail of the
  // account, to the owner and elsewhere.
  for (const notice of notices) {
    const { ask, fill } = setUp()
    for (const kind of Object.keys(groups) as MailKind[]) {
      fill(1000, (i) => ({ kind, to: `${i % 10}@thief.example`, account: 'owned' }))
      if (groups[kind] !== 'notice')
        fill(1000, (i) => ({ kind, to: `${i}@stranger.example`, account: 'owned' }))
      if (kind !== notice) fill(1000, () => ({ kind, to: 'owner', account: 'owned' }))
    }
    t.equal(ask({ kind: notice, to: 'owner', account: 'owned' }), 'ok', notice)
  }
})

t.test('one account with any number of addresses leaves room for others', async (t) => {
  const { ask, fill } = setUp()
  let places = 0
  for (const kind of Object.keys(groups) as MailKind[])
    places += fill(1000, (i) => ({ kind, to: `${i}`, account: 'thief' }))
  t.equal(places, 20 + 6 * 12)
  for (const kind of Object.keys(groups) as MailKind[])
    t.equal(ask({ kind, to: 'ada', account: 'other' }), 'ok', kind)
})

t.test('no group of mails can take the places kept for another', async (t) => {
  const kinds = ['password reset', 'sign-up', 'e-mail changed'] as const
  for (const flood of kinds) {
    const { ask, fill } = setUp()
    t.equal(
      fill(2000, (i) => ({ kind: flood, to: `${i}` })),
      600,
      flood,
    )
    t.equal(ask({ kind: flood, to: 'ada' }), 'too many mails are waiting')
    for (const other of kinds.filter((kind) => kind !== flood))
      t.equal(
        fill(2000, (i) => ({ kind: other, to: `${i}` })),
        200,
        `${other} after a flood of ${flood}`,
      )
  }
  t.strictSame(
    awaited.map((kind) => groups[kind]),
    ['reset', 'verification', 'verification', 'verification'],
  )
})

t.test('a place that was given back is free again', async (t) => {
  const { shares, ask, fill } = setUp()
  const mail = { kind: 'e-mail change', to: 'x', account: 'a' } as const
  const place = shares.take(mail)
  fill(19, (i) => ({ ...mail, to: `${i}` }))
  fill(4, () => ({ ...mail, account: 'b' }))
  t.equal(ask(mail), 'too many mails of this kind to this address are waiting')
  if ('release' in place) place.release()
  t.equal(ask(mail), 'ok')
  t.equal(ask({ ...mail, to: 'y' }), 'too many mails of this account are waiting')
})
