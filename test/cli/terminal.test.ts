import t from 'tap'
import { CommandError } from '../../src/cli/command-error.js'
import { createProgress } from '../../src/cli/progress.js'
import { ask } from '../../src/cli/prompt.js'
import { printable } from '../../src/cli/terminal.js'
import { fakeTerminal } from '../support/fake-terminal.js'

t.test('signs that deceive a reader are shown as escapes', async (t) => {
  const rows = [
    ['Ada Lovelace, \u00e9 漢 😀', 'Ada Lovelace, \u00e9 漢 😀'],
    ['a\u202eb\u2066', 'a\\u202eb\\u2066'],
    ['\u001b[2J\u0007\u009b', '\\u001b[2J\\u0007\\u009b'],
    ['\u2028\u200b\ufeff', '\\u2028\\u200b\\ufeff'],
    ['\u{e0001}', '\\udb40\\udc01'],
    ['\ud800', '\\ud800'],
  ]
  for (const [text = '', shown] of rows) {
    t.equal(printable(text), shown)
    t.equal(JSON.parse(printable(JSON.stringify(text))), text, 'JSON keeps its value')
  }
})

t.test('hidden answers are not shown', async (t) => {
  const terminal = fakeTerminal({
    answers: [
      ['Password: ', 'sesame\x7fe\r'],
      ['again: ', 'open\n'],
    ],
  })
  t.strictSame(await ask(['Password: ', 'again: '], terminal, { hidden: true }), ['sesame', 'open'])
  t.strictSame(await terminal.output(), { stdout: '', stderr: 'Password: \nagain: \n' })
})

t.test('both answers at once', async (t) => {
  const terminal = fakeTerminal({ answers: [['Password: ', 'one\rtwo\r']] })
  t.strictSame(await ask(['Password: ', 'again: '], terminal, { hidden: true }), ['one', 'two'])
})

t.test('other answers are shown', async (t) => {
  const terminal = fakeTerminal({ answers: [['Sure? ', 'yes\r']] })
  t.strictSame(await ask(['Sure? '], terminal, { hidden: false }), ['yes'])
  t.match((await terminal.output()).stderr, /Sure\? [^]*yes/)
})

t.test('Ctrl-C, Ctrl-D and the end give up', async (t) => {
  for (const typed of ['ab\x03', '\x04']) {
    const terminal = fakeTerminal({ answers: [['Password: ', typed]] })
    await t.rejects(ask(['Password: '], terminal, { hidden: true }), new CommandError('Cancelled.'))
  }
  await t.rejects(
    ask(['Password: '], fakeTerminal({ input: '', isTTY: true }), { hidden: false }),
    CommandError,
  )
})

t.test('progress is a bar where a person looks, at most ten times a second', async (t) => {
  const terminal = fakeTerminal({ isTTY: true })
  const progress = createProgress(terminal)
  progress.show(0.5, '7 lines')
  progress.show(0.6, '8 lines')
  progress.clear()
  const another = createProgress(terminal)
  another.show(null, '9 lines')
  const { stderr } = await terminal.output()
  t.match(stderr, '[============            ] 50 %  7 lines')
  t.notMatch(stderr, '8 lines')
  t.ok(stderr.endsWith('9 lines'))

  const none = fakeTerminal()
  const silent = createProgress(none)
  silent.show(0.5, '7 lines')
  silent.clear()
  t.strictSame(await none.output(), { stdout: '', stderr: '' })
})
