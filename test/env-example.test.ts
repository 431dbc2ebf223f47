import t from 'tap'
import { loadConfig } from '../src/config.js'
import { Settings } from '../src/settings.js'
import { projectFile } from './helper.js'

/** A setting as .env.example shows it: what it means above, and its default, commented out. */
interface Shown {
  name: string
  comment: string
  value: string
}

const text = await projectFile('.env.example')

const shown: Shown[] = text.split('\n\n').flatMap((block) => {
  const lines = block.trim().split('\n')
  const [, name, value] = /^#([A-Z][A-Z0-9_]*)=(.*)$/.exec(lines.pop() ?? '') ?? []
  return name === undefined || value === undefined
    ? []
    : [{ name, comment: lines.map((line) => line.replace(/^# ?/, '')).join(' '), value }]
})

t.test(
  '.env.example lists exactly the settings, in order, with their meaning and default',
  async (t) => {
    const settings = Object.entries(
      Settings.properties as Record<string, { default?: unknown; description?: string }>,
    )
    t.strictSame(
      shown,
      settings.map(([name, { default: byDefault = '', description }]) => ({
        name,
        comment: description,
        value: String(byDefault),
      })),
    )
  },
)

t.test('no line of it is in force, and all of them together change nothing', async (t) => {
  t.strictSame(
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    [],
  )
  t.strictSame(
    loadConfig(Object.fromEntries(shown.map(({ name, value }) => [name, value]))),
    loadConfig({}),
  )
})
