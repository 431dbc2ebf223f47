import t from 'tap'
import { routesOf } from '../../src/app.js'
import { loadConfig } from '../../src/config.js'
import { projectFile } from '../helper.js'

/** What the table must name, and the routes that would make its row untrue. */
const absent: Array<[name: RegExp, routes: RegExp]> = [
  [/\bpage for admins\b/, / \/admin$/],
  [/\bpermissions\b/, / \/(permissions|roles)/],
  [/\bsecond factor\b/, / \/mfa/],
  [/\bpasskeys\b/, / \/passkeys/],
  [/\bsocial login\b/, / \/(social|oauth|authorize)/],
  [/\bmagic links\b/, / \/(magic|login\/.)/],
  [/\bprofile fields\b/, / \/(profile|me\/(metadata|profile))/],
  [/\buser names\b/, / \/(username|me\/username)/],
  [/\bmail texts\b/, / \/(mails|templates)/],
]

const readme = await projectFile('README.md')

t.test('the last section of the README is a table of what is not there', async (t) => {
  const [, title = '', ...lines] = /\n## (.*)\n([^]*)$/.exec(readme.slice(lastSection())) ?? []
  t.equal(title, 'What is not there, and what to do instead')
  const rows = lines.join('').trim().split('\n').slice(2)
  t.strictSame(
    rows.filter((row) => row.split(' | ').length !== 2),
    [],
    'each row says what to do',
  )
  const names = rows.map((row) => row.split(' | ')[0]).join()
  const routes = Object.keys(routesOf(loadConfig({})))
  for (const [name, untrue] of absent) {
    t.match(names, name)
    t.strictSame(
      routes.filter((route) => untrue.test(route)),
      [],
      `${String(name)} is still true`,
    )
  }
})

t.test('the README has at most 150 lines', async (t) => {
  t.ok(readme.trimEnd().split('\n').length <= 150)
})

function lastSection(): number {
  return readme.lastIndexOf('\n## ')
}
